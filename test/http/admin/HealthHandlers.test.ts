import { expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { Degraded, Ready, Unready } from "../../../src/contract/HealthGroup.ts"
import { DeepHealth } from "../../../src/health/DeepHealth.ts"
import { EngineError } from "../../../src/upstream/EngineError.ts"
import { EngineUnreachable } from "../../../src/upstream/EngineFailure.ts"
import { MagpieClient } from "../../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../../src/upstream/ParakeetClient.ts"
import { startGateway, testRooms } from "../../support/gateway.ts"
import { healthRoom, SickEngine } from "../../support/sickEngine.ts"

const Body = Schema.Union([Ready, Degraded, Unready, Schema.Struct({ status: Schema.tag("live") })])
const enginesOf = (body: typeof Body.Type) => ("engines" in body ? body.engines : undefined)

const get = Effect.fnUntraced(function* (url: string) {
  const response = yield* Effect.promise(() => fetch(url))
  return { status: response.status, body: Schema.decodeUnknownSync(Body)(yield* Effect.promise(() => response.json())) }
})
const refused = new EngineUnreachable({ message: "connect ECONNREFUSED 10.1.2.3:9000" })

it.live("liveness touches no engine", () =>
  Effect.gen(function* () {
    const touched = Effect.die("touched")
    const { url } = yield* startGateway({
      engines: Layer.merge(
        MagpieClient.layerTest({ ready: touched, voices: touched }),
        ParakeetClient.layerTest({ ready: touched }),
      ),
    })
    expect(yield* get(`${url}/health/live`)).toEqual({ status: 200, body: { status: "live" } })
  }),
)

it.live("readiness names both engines", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    expect(yield* get(`${url}/health/ready`)).toEqual({
      status: 200,
      body: {
        status: "ready",
        engines: {
          magpie: { ready: true, model: "test-magpie", state: "unknown" },
          parakeet: { ready: true, model: "test-parakeet", state: "unknown" },
        },
        storage: { ledger: { ready: true }, data: { ready: true }, cache: { ready: true } },
      },
    })
  }),
)

it.live.each([
  [
    "magpie",
    Layer.merge(
      MagpieClient.layerTest({ ready: Effect.fail(new EngineError({ engine: "magpie", reason: refused })) }),
      ParakeetClient.layerTest(),
    ),
  ],
  [
    "parakeet",
    Layer.merge(
      MagpieClient.layerTest(),
      ParakeetClient.layerTest({ ready: Effect.fail(new EngineError({ engine: "parakeet", reason: refused })) }),
    ),
  ],
] as const)("says that %s is not ready and why, without its address", ([engine, engines]) =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ engines })
    const { status, body } = yield* get(`${url}/health/ready?for=${engine === "magpie" ? "speech" : "transcription"}`)
    expect(status).toBe(503)
    expect(body.status).toBe("unready")
    expect(enginesOf(body)?.[engine]).toMatchObject({ ready: false, reason: "EngineUnreachable" })
    expect(JSON.stringify(body)).not.toContain("10.1.2.3")
  }),
)

it.live("one engine out leaves the gateway and the other half ready; both out leave nothing", () =>
  Effect.gen(function* () {
    const magpieOut = MagpieClient.layerTest({
      ready: Effect.fail(new EngineError({ engine: "magpie", reason: refused })),
    })
    const parakeetOut = ParakeetClient.layerTest({
      ready: Effect.fail(new EngineError({ engine: "parakeet", reason: refused })),
    })
    const answers = Effect.fnUntraced(function* (engines: Layer.Layer<MagpieClient | ParakeetClient>) {
      const { url } = yield* startGateway({ engines })
      return yield* Effect.forEach(["", "?for=speech", "?for=transcription"], (query) =>
        Effect.map(get(`${url}/health/ready${query}`), ({ status, body }) => `${status} ${body.status}`),
      )
    })
    expect([
      yield* answers(Layer.merge(MagpieClient.layerTest(), ParakeetClient.layerTest())),
      yield* answers(Layer.merge(magpieOut, ParakeetClient.layerTest())),
      yield* answers(Layer.merge(MagpieClient.layerTest(), parakeetOut)),
      yield* answers(Layer.merge(magpieOut, parakeetOut)),
    ]).toEqual([
      ["200 ready", "200 ready", "200 ready"],
      ["200 degraded", "503 unready", "200 degraded"],
      ["200 degraded", "200 degraded", "503 unready"],
      ["503 unready", "503 unready", "503 unready"],
    ])
  }),
)

it.live("an unknown value of `for` gets an error that lists the known ones", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const response = yield* Effect.promise(() => fetch(`${url}/health/ready?for=magpie`))
    const body = (yield* Effect.promise(() => response.json())) as { error: { param: string; message: string } }
    expect([response.status, body.error.param]).toEqual([400, "for"])
    expect(body.error.message).toContain("speech")
  }),
)

it.live("is not ready while an engine that says it is has been found wedged, and is again once it is healed", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    engine.wedged = true
    const room = yield* Layer.build(healthRoom(engine, { quickProbe: true, restarter: "none" }))
    const deepHealth = Context.get(room, DeepHealth)
    const { url } = yield* startGateway({ rooms: Layer.merge(testRooms, Layer.succeed(DeepHealth, deepHealth)) })

    yield* deepHealth.probe("parakeet")
    const wedged = yield* get(`${url}/health/ready?for=transcription`)
    expect(wedged.status).toBe(503)
    expect(enginesOf(wedged.body)).toEqual({
      magpie: { ready: true, model: "test-magpie", state: "unknown" },
      parakeet: { ready: false, model: "test-parakeet", state: "wedged", reason: "EngineWedged" },
    })

    engine.wedged = false
    yield* deepHealth.probe("parakeet")
    const healed = yield* get(`${url}/health/ready?for=transcription`)
    expect([healed.status, enginesOf(healed.body)?.parakeet.state]).toEqual([200, "healthy"])
  }),
)

it.effect("waits two seconds for an engine that does not answer", () =>
  Effect.gen(function* () {
    const asked = yield* Deferred.make<void>()
    const { url } = yield* startGateway({
      engines: Layer.merge(
        MagpieClient.layerTest(),
        ParakeetClient.layerTest({ ready: Effect.andThen(Deferred.succeed(asked, undefined), Effect.never) }),
      ),
    })
    const answer = yield* Effect.forkChild(get(`${url}/health/ready?for=transcription`))
    yield* Deferred.await(asked)
    yield* TestClock.adjust("2 seconds")
    const { status, body } = yield* Fiber.join(answer)
    expect(status).toBe(503)
    expect(enginesOf(body)?.parakeet).toMatchObject({ ready: false, reason: "EngineTimedOut" })
    expect(enginesOf(body)?.magpie.ready).toBe(true)
  }),
)

it.effect("asks the engines once a second, however often it is asked", () =>
  Effect.gen(function* () {
    let asked = 0
    const { url } = yield* startGateway({
      engines: Layer.merge(
        MagpieClient.layerTest({ ready: Effect.sync(() => void asked++) }),
        ParakeetClient.layerTest(),
      ),
    })
    const ready = get(`${url}/health/ready`)
    yield* Effect.replicateEffect(ready, 20, { concurrency: 5 })
    expect(asked).toBe(1)
    yield* TestClock.adjust("1 second")
    yield* ready
    expect(asked).toBe(2)
  }),
)
