import { afterAll, expect } from "vitest"
import { layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { check } from "../../src/cli/check.ts"
import { runCommand } from "../support/commandLine.ts"
import { fakeDocker, running } from "../support/dockerEngine.ts"
import { NimTest } from "../support/nim.ts"
import { databaseAt } from "../support/postgres.ts"
import { newDatabase } from "../support/sharedPostgres.ts"

const folder = mkdtempSync(join(tmpdir(), "aviary-check-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

interface Findings {
  readonly findings: ReadonlyArray<{ readonly what: string; readonly state: string; readonly detail: string }>
}

const inspect = Effect.fnUntraced(function* (args: ReadonlyArray<string>, environment: Record<string, string> = {}) {
  const { error, printed } = yield* runCommand(check, [...args, "--json"], {
    AVIARY_DATA_DIR: join(folder, "data"),
    ...environment,
  })
  const { findings } = JSON.parse(printed) as Findings
  return { error, findings, of: (what: string) => findings.find((one) => one.what === what) }
})

layer(NimTest.layer, { excludeTestServices: true })("check", (it) => {
  it.effect("tells of engines that answer and of those that do not, and makes nothing", () =>
    Effect.gen(function* () {
      const { url } = yield* NimTest
      const here = yield* inspect([], { AVIARY_MAGPIE_URL: url.href, AVIARY_PARAKEET_URL: url.href })
      expect(here.error).toBeUndefined()
      expect(here.of("text to speech")).toMatchObject({ state: "good", detail: expect.stringContaining("ready") })
      expect(here.of("ledger")).toMatchObject({ state: "good", detail: expect.stringContaining("will be made") })
      expect(readdirSync(folder)).not.toContain("data")
      // Nobody listens on port 9 of loopback.
      const gone = yield* inspect([], { AVIARY_PARAKEET_URL: "http://127.0.0.1:9" })
      expect(gone.error).toBe("not ready: speech to text")
      expect(gone.of("speech to text")).toMatchObject({
        state: "bad",
        detail: expect.stringContaining("NOBODY ANSWERS"),
      })
    }),
  )

  it.effect("tells where it will listen, and whom it serves there", () =>
    Effect.gen(function* () {
      const found = (environment: Record<string, string>) =>
        Effect.map(inspect([], environment), ({ of }) => of("access"))
      expect(yield* found({ AVIARY_PORT: "8123" })).toMatchObject({
        state: "good",
        detail: "no key is asked for, on 127.0.0.1, port 8123: this machine alone reaches it",
      })
      const everywhere = { AVIARY_HOST: "0.0.0.0" }
      expect(yield* found({ ...everywhere, AVIARY_ACCESS: "open" })).toMatchObject({ state: "warning" })
      expect(yield* found({ ...everywhere, AVIARY_ACCESS: "keys" })).toMatchObject({
        state: "good",
        detail: expect.stringMatching(/^a key is asked for, on 0\.0\.0\.0, port \d+$/),
      })
    }),
  )

  it.effect("of several engines it tells of each, and is content with one of a kind that answers", () =>
    Effect.gen(function* () {
      const { url } = yield* NimTest
      const { error, of } = yield* inspect([], {
        AVIARY_MAGPIE_URLS: `${url.href}, http://127.0.0.1:9 restart=command:["no-such-program-anywhere"]`,
        AVIARY_PARAKEET_URLS: "http://127.0.0.1:9, http://127.0.0.1:9/other",
      })
      expect(of("text to speech by Magpie 1")).toMatchObject({
        state: "good",
        detail: expect.stringContaining("ready"),
      })
      const nobody = expect.stringContaining("NOBODY ANSWERS")
      expect(of("text to speech by Magpie 2")).toMatchObject({ state: "warning", detail: nobody })
      expect(of("restarts of Magpie 1")).toMatchObject({ state: "good" })
      expect(of("restarts of Magpie 2")).toMatchObject({ state: "bad" })
      expect(of("speech to text by Parakeet 2")).toMatchObject({ state: "bad", detail: nobody })
      expect(error).toBe("not ready: speech to text by Parakeet 1, speech to text by Parakeet 2, restarts of Magpie 2")
      const wrong = yield* inspect([], { AVIARY_PARAKEET_URLS: "http://127.0.0.1:9 speed=2" })
      expect(wrong.findings).toMatchObject([
        { what: "settings", state: "bad", detail: expect.stringContaining("speed") },
      ])
    }),
  )

  it.effect("a folder that should hold a model is looked for, and not loaded", () =>
    Effect.gen(function* () {
      const { error, of } = yield* inspect([], {
        AVIARY_MAGPIE_MODEL_DIR: join(folder, "nowhere"),
        AVIARY_PARAKEET_MODEL_DIR: folder,
      })
      const detail = `AVIARY_MAGPIE_MODEL_DIR: the folder ${join(folder, "nowhere")} is not there.`
      expect(of("text to speech")).toMatchObject({ state: "bad", detail })
      expect(of("speech to text")).toMatchObject({ state: "good", detail: expect.stringContaining("not loaded") })
      expect(error).toBe("not ready: text to speech")
    }),
  )

  it.effect("looks at restart commands without running them", () =>
    Effect.gen(function* () {
      const path = join(folder, "ran")
      const { error, of } = yield* inspect([], {
        AVIARY_MAGPIE_RESTART: `command:${JSON.stringify(["touch", path])}`,
        AVIARY_PARAKEET_RESTART: 'command:["no-such-program-anywhere"]',
      })
      expect(of("restarts of Magpie")).toMatchObject({ state: "good" })
      expect(of("restarts of Parakeet")).toMatchObject({ state: "bad" })
      expect(error).toBe("not ready: restarts of Parakeet")
      expect(readdirSync(folder)).not.toContain("ran")
    }),
  )

  it.effect("asks Docker about a container, and restarts nothing", () =>
    Effect.gen(function* () {
      const { docker, host } = yield* fakeDocker()
      const settings = { AVIARY_DOCKER_HOST: host, AVIARY_PARAKEET_RESTART: "docker:parakeet" }
      const found = (environment: Record<string, string> = {}) =>
        Effect.map(inspect([], { ...settings, ...environment }), ({ of }) => of("restarts of Parakeet"))
      expect(yield* found()).toMatchObject({ state: "good", detail: expect.stringContaining("which runs") })
      docker.state = { ...running, Running: false, Status: "exited" }
      expect(yield* found()).toMatchObject({
        state: "warning",
        detail: expect.stringContaining("it does not run (exited)"),
      })
      expect(yield* found({ AVIARY_PARAKEET_RESTART: "docker:parrot" })).toMatchObject({
        state: "bad",
        detail: expect.stringContaining("No such container: parrot"),
      })
      const gone = { AVIARY_DOCKER_HOST: `unix://${join(folder, "docker.sock")}` }
      expect(yield* found(gone)).toMatchObject({ state: "bad", detail: expect.stringContaining("cannot be reached") })
      expect(new Set(docker.calls)).toEqual(new Set(["GET /containers/parakeet/json", "GET /containers/parrot/json"]))
    }),
  )

  it.effect("asks the database that is to be the ledger, and makes nothing in it", () =>
    Effect.gen(function* () {
      const url = yield* newDatabase
      const ledger = (AVIARY_DATABASE_URL: string) =>
        Effect.map(inspect([], { AVIARY_DATABASE_URL }), ({ of }) => of("ledger"))
      const made = expect.stringMatching(/^PostgreSQL \d+.*127\.0\.0\.1.*: its tables will be made at the first start$/)
      expect(yield* ledger(url)).toMatchObject({ state: "good", detail: made })
      expect(yield* ledger(url)).toMatchObject({ state: "good", detail: made })
      yield* Effect.scoped(Layer.build(databaseAt(url)))
      expect(yield* ledger(url)).toMatchObject({ state: "good", detail: expect.stringMatching(/: \d+ accounts?$/) })
      const other = new URL(url)
      other.pathname = "/nobody-made-this"
      expect(yield* ledger(other.href)).toMatchObject({
        state: "bad",
        detail: expect.stringContaining('database "nobody-made-this" does not exist'),
      })
      // Somebody listens there, and is no PostgreSQL.
      other.port = (yield* NimTest).url.port
      expect(yield* ledger(other.href)).toMatchObject({ state: "bad" })
    }),
  )

  it.effect("a misspelled setting is told with the nearest there is, wherever it is written", () =>
    Effect.gen(function* () {
      const detail = "AVIARY_ACESS is no setting. Did you mean AVIARY_ACCESS?"
      expect((yield* inspect([], { AVIARY_ACESS: "keys" })).findings).toMatchObject([{ state: "bad", detail }])
      const toml = file("misspelled.toml", '# mine\nacess = "keys"\n')
      const inToml = { state: "bad", detail: `${toml}, line 2: ${detail}` }
      expect((yield* inspect(["--config", toml])).findings).toMatchObject([inToml])
      const env = file("misspelled.env", "AVIARY_ACESS=keys\nOTHER=1\n")
      const inEnv = { state: "bad", detail: `${env}, line 1: ${detail}` }
      expect((yield* inspect(["--config", env])).findings).toMatchObject([inEnv])
    }),
  )

  it.effect("a table is printed for people", () =>
    Effect.gen(function* () {
      const { printed } = yield* runCommand(check, [], { AVIARY_DATA_DIR: join(folder, "data") })
      expect(printed).toMatch(/^text to speech +ok +inside the gateway/m)
    }),
  )
})
