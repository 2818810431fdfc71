import { expect, it } from "vitest"
import { table } from "../../src/Settings.ts"
import { read } from "./Tree.ts"

const composes = ["docker/compose.yaml", "docker/compose.embedded.yaml"]
const told = [...composes, "docker/Dockerfile", "docs/operations.md"]
const all = (path: string, pattern: RegExp) => new Set(Array.from(read(path).matchAll(pattern), ([, one]) => one!))

it("what containers and operators are told to set are settings", () => {
  const known = Object.values(table).map(({ name }) => name)
  const named = told.flatMap((path) => [...all(path, /\b(AVIARY_[A-Z_]+)/g)])
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => !known.includes(name))).toEqual([])
})

it("metrics that operators are told to watch are measured", () => {
  const watched = all("docs/operations.md", /\b(aviary_[a-z_]+)/g)
  const measured = all("src/telemetry/Metrics.ts", /"(aviary_[a-z_]+)"/g)
  expect(watched.size).toBeGreaterThan(4)
  expect([...watched].filter((name) => !measured.has(name))).toEqual([])
})

it("the gateway restarts containers that are there, and the socket proxy lets it", () => {
  const restarted = [...all("docker/compose.yaml", /: docker:(\w+)$/gm)]
  expect(restarted).toEqual(["magpie", "parakeet"])
  expect([...all("docker/compose.yaml", /^ +CONTAINERS: (\S+)$/gm)]).toEqual([restarted.join(",")])
  for (const path of composes) expect([...all(path, /container_name: (\w+)$/gm)]).toEqual(restarted)
})
