import { expect, it } from "vitest"
import { table } from "../../src/Settings.ts"
import { read } from "./Tree.ts"

const composes = ["docker/compose.yaml", "docker/compose.embedded.yaml"]
const shared = "docker/compose.gateway.yaml"
const told = [...composes, shared, "docker/Dockerfile", "docs/operations.md"]
const all = (path: string, pattern: RegExp) => new Set(Array.from(read(path).matchAll(pattern), ([, one]) => one!))

it("variables of containers and operations.md are settings", () => {
  const known = Object.values(table).map(({ name }) => name)
  const named = told.flatMap((path) => [...all(path, /\b(AVIARY_[A-Z_]+)/g)])
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((name) => !known.includes(name))).toEqual([])
})

it("metrics that operations.md names exist", () => {
  const watched = all("docs/operations.md", /\b(aviary_[a-z_]+)/g)
  const measured = all("src/telemetry/Metrics.ts", /"(aviary_[a-z_]+)"/g)
  expect(watched.size).toBeGreaterThan(4)
  expect([...watched].filter((name) => !measured.has(name))).toEqual([])
})

it("Node's options of the program's first line are those that the pages tell", () => {
  const [first] = read("src/main.ts").split("\n", 1)
  const told = first!.match(
    /--max-semi-space-size=\d+ --heap-growing-percent=\d+ --no-allocation-site-pretenuring --invocation-count-for-turbofan=\d+/,
  )![0]
  for (const path of ["docs/operations.md", "docs/performance.md"]) expect(read(path)).toContain(`\`${told}\``)
})

it("the gateway restarts containers that are there, and the socket proxy lets it", () => {
  const restarted = [...all(shared, /: docker:(\w+)$/gm)]
  expect(restarted).toEqual(["magpie", "parakeet"])
  expect([...all(shared, /^ +CONTAINERS: (\S+)$/gm)]).toEqual([restarted.join(",")])
  for (const path of composes) expect([...all(path, /container_name: (\w+)$/gm)]).toEqual(restarted)
})

// Compose wants every variable of a file of which one service is extended.
it("without a GPU no NVIDIA key is required", () => {
  const extended = (path: string): ReadonlyArray<string> =>
    [...all(path, /^ +file: (\S+)$/gm)].flatMap((name) => [`docker/${name}`, ...extended(`docker/${name}`)])
  const wanted = (path: string) => new Set([path, ...extended(path)].flatMap((each) => [...all(each, /\$\{(\w+):\?/g)]))
  expect(wanted("docker/compose.embedded.yaml")).toEqual(new Set(["DOCKER_GROUP"]))
  expect(wanted("docker/compose.yaml")).toEqual(new Set(["DOCKER_GROUP", "NGC_API_KEY"]))
})
