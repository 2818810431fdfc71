import { expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { engines as command } from "../../src/cli/engines.ts"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { Quarantine } from "../../src/health/Quarantine.ts"
import { runCommand } from "../support/commandLine.ts"
import { startGateway, testRooms } from "../support/gateway.ts"
import { healthRoom, SickEngine } from "../support/sickEngine.ts"

const adminToken = "the-operator-s-own"

const started = Effect.fnUntraced(function* (engine: SickEngine, restartLimit = "3") {
  const room = yield* Layer.build(healthRoom(engine, { quickProbe: true, settings: { restartLimit } }))
  for (const content of ["aa", "bb", "cc"]) yield* Context.get(room, Quarantine).strike("parakeet", content, 1)
  const rooms = Layer.merge(testRooms, Layer.succeedContext(Context.pick(DeepHealth, Quarantine)(room)))
  const { url } = yield* startGateway({ rooms, settings: { adminToken } })
  return (...args: ReadonlyArray<string>) =>
    runCommand(command, [...args, "--url", url], { AVIARY_ADMIN_TOKEN: adminToken })
})

it.live("shows both engines, for people and for scripts, and probes one", () =>
  Effect.gen(function* () {
    const run = yield* started(new SickEngine())
    expect((yield* run("list")).printed).toMatch(
      /^parakeet +unknown .* 3 of 3 +none yet$[^]*^parakeet +not probed yet; restarted by test; test-parakeet inside the gateway$/m,
    )
    expect((yield* run("probe", "parakeet")).printed).toMatch(/^outcome +passed\ndetail +heard it$/m)
    expect((yield* run("list")).printed).toMatch(/^parakeet +healthy .* passed /m)
    expect(JSON.parse((yield* run("list", "--json")).printed)).toMatchObject({
      engines: [{ engine: "magpie" }, { engine: "parakeet", state: "healthy" }],
    })
  }),
)

it.live("a probe of an engine that does not work prints what it found, says what that means, and fails", () =>
  Effect.gen(function* () {
    const run = yield* started(Object.assign(new SickEngine(), { wedged: true, wedgesAgain: true }))
    const { error, printed } = yield* run("probe", "parakeet")
    expect(printed).toMatch(/^outcome +wedged\ndetail +CUBLAS$/m)
    expect(error).toBe("parakeet is wedged: it answers, but can no longer infer; only a restart helps (CUBLAS)")
    const json = yield* run("probe", "parakeet", "--json")
    expect(json.error).toContain("parakeet is wedged")
    expect(JSON.parse(json.printed)).toMatchObject({ outcome: "wedged" })
  }),
)

it.live("restarts with a reason, within the budget, which it restores", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    const run = yield* started(engine, "1")
    expect((yield* run("restart", "parakeet")).error).toBeDefined()
    expect((yield* run("restart", "nemotron", "--reason", "x")).error).toBeDefined()
    expect(engine.restarts).toHaveLength(0)
    expect((yield* run("restart", "parakeet", "--reason", "it stutters")).printed).toMatch(/^outcome +restarted$/m)
    yield* run("probe", "parakeet")
    expect((yield* run("restart", "parakeet", "--reason", "again")).error).toContain("are spent")
    expect(engine.restarts).toHaveLength(1)
    expect((yield* run("restore", "parakeet", "--reason", "new driver")).printed).toContain("1 of 1")
  }),
)

it.live("lists recordings under suspicion, and forgives one or all", () =>
  Effect.gen(function* () {
    const run = yield* started(new SickEngine())
    expect((yield* run("quarantine")).printed).toMatch(/^aa +1 /m)
    expect((yield* run("forgive", "bb")).printed).toBe("Forgave 1 recording.")
    expect((yield* run("forgive")).printed).toBe("Forgave 2 recordings.")
    expect((yield* run("quarantine")).printed).toBe("None.")
  }),
)

it.live("says what is wrong where no gateway listens", () =>
  Effect.gen(function* () {
    const { error } = yield* runCommand(command, ["list", "--url", "http://127.0.0.1:1"], {
      AVIARY_ADMIN_TOKEN: adminToken,
    })
    expect(error).toContain("No gateway answers at http://127.0.0.1:1")
  }),
)
