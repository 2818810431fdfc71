import { afterAll, expect } from "vitest"
import { layer } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { check } from "../../src/cli/check.ts"
import { runCommand } from "../support/commandLine.ts"
import { NimTest } from "../support/nim.ts"

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
