import { expect, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { DeepHealth } from "../../../src/health/DeepHealth.ts"
import { Quarantine } from "../../../src/health/Quarantine.ts"
import { startGateway, testRooms } from "../../support/gateway.ts"
import { healthRoom, SickEngine } from "../../support/sickEngine.ts"

const adminToken = "the-operator-s-own"

const started = Effect.fnUntraced(function* (
  engine: SickEngine,
  options: Parameters<typeof healthRoom>[1] = {},
  strikes: ReadonlyArray<string> = [],
) {
  const room = yield* Layer.build(healthRoom(engine, { quickProbe: true, ...options }))
  for (const content of strikes) yield* Context.get(room, Quarantine).strike("parakeet", content, 1)
  const { url } = yield* startGateway({
    rooms: Layer.merge(testRooms, Layer.succeedContext(Context.pick(DeepHealth, Quarantine)(room))),
    settings: { adminToken },
  })
  return Effect.fnUntraced(function* (method: string, path: string, body?: unknown, token = adminToken) {
    const response = yield* Effect.promise(() =>
      fetch(`${url}/admin${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    )
    return { status: response.status, body: (yield* Effect.promise(() => response.json())) as never }
  })
})

const restart = { reason: "it stutters" }

it.live("probes an engine now, and shows the probe and the new state among the engines", () =>
  Effect.gen(function* () {
    const ask = yield* started(new SickEngine())
    const probe = { engine: "parakeet", outcome: "passed", attempts: 1 }
    expect(yield* ask("POST", "/engines/parakeet/probe")).toMatchObject({ status: 200, body: probe })
    expect(yield* ask("GET", "/engines")).toMatchObject({
      status: 200,
      body: {
        engines: [
          { engine: "magpie", state: "unknown", probes: [] },
          {
            engine: "parakeet",
            state: "healthy",
            probes: [probe],
            changes: [{ from: "unknown", to: "healthy" }],
            budget: { limit: 3, left: 3, windowMillis: 1_800_000 },
            waiting: 0,
            working: 0,
          },
        ],
      },
    })
  }),
)

it.live("restarts an engine with the operator's reason, and takes it from the budget", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    const ask = yield* started(engine)
    expect(yield* ask("POST", "/engines/parakeet/restart", restart)).toMatchObject({
      status: 200,
      body: { outcome: "restarted", backend: "test", reason: "an operator asked for it: it stutters" },
    })
    expect(engine.restarts).toHaveLength(1)
    const { body } = yield* ask("GET", "/engines")
    expect(body).toMatchObject({ engines: [{ budget: { left: 3 } }, { budget: { left: 2 } }] })
  }),
)

it.live("refuses a restart beyond the budget until the budget is restored", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    const ask = yield* started(engine, { settings: { restartLimit: "1" } })
    yield* ask("POST", "/engines/parakeet/restart", restart)
    // The recovery of the first is over before the second is asked for.
    yield* ask("POST", "/engines/parakeet/probe")
    expect(yield* ask("POST", "/engines/parakeet/restart", restart)).toMatchObject({
      status: 429,
      body: { error: { code: "restart_budget_spent" } },
    })
    expect(engine.restarts).toHaveLength(1)
    expect(yield* ask("POST", "/engines/parakeet/restore", { reason: "new driver" })).toMatchObject({
      status: 200,
      body: { engine: "parakeet", budget: { left: 1 } },
    })
    expect(yield* ask("POST", "/engines/parakeet/restart", restart)).toMatchObject({ status: 200 })
  }),
)

it.live("says that an engine has nothing to restart it", () =>
  Effect.gen(function* () {
    const ask = yield* started(new SickEngine(), { restarter: "none" })
    expect(yield* ask("POST", "/engines/magpie/restart", restart)).toMatchObject({
      status: 409,
      body: { error: { code: "no_restart_backend" } },
    })
  }),
)

it.live.each([
  ["/engines/nemotron/restart", restart, "engine"],
  ["/engines/parakeet/restart", {}, "reason"],
  ["/engines/parakeet/restart", { reason: "  " }, "reason"],
  ["/engines/parakeet/restore", { reason: "x".repeat(501) }, "reason"],
] as const)("refuses %s of %j", ([path, body, param]) =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    const ask = yield* started(engine)
    expect(yield* ask("POST", path, body)).toMatchObject({ status: 400, body: { error: { param } } })
    expect(engine.restarts).toEqual([])
  }),
)

it.live("does nothing without the admin token", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    const ask = yield* started(engine, {}, ["aa"])
    for (const [method, path] of [
      ["GET", "/engines"],
      ["POST", "/engines/parakeet/probe"],
      ["POST", "/engines/parakeet/restart"],
      ["POST", "/engines/parakeet/restore"],
      ["GET", "/quarantine"],
      ["DELETE", "/quarantine/aa"],
      ["DELETE", "/quarantine"],
    ] as const) {
      const answer = yield* ask(method, path, method === "POST" ? restart : undefined, "another")
      expect(answer).toMatchObject({ status: 401, body: { error: { code: "invalid_admin_token" } } })
    }
    expect(engine.restarts).toEqual([])
    expect(yield* ask("GET", "/quarantine")).toMatchObject({ body: { recordings: [{}] } })
    expect(yield* ask("GET", "/engines")).toMatchObject({ body: { engines: [{ probes: [] }, { probes: [] }] } })
  }),
)

it.live("an id that no engine has is refused with those that there are", () =>
  Effect.gen(function* () {
    const engine = new SickEngine()
    const ask = yield* started(engine)
    for (const id of ["parakeet-2", "parakeet-1.5", "nemotron", "magpie-"]) {
      for (const action of ["probe", "restart", "restore"]) {
        expect(yield* ask("POST", `/engines/${id}/${action}`, restart)).toMatchObject({
          status: 400,
          body: {
            error: {
              code: "unsupported_value",
              param: "engine",
              message: `Unsupported value for 'engine': expected "magpie" | "parakeet".`,
            },
          },
        })
      }
    }
    expect(engine.restarts).toEqual([])
  }),
)

it.live("lists recordings that were in flight at a wedge, and forgives one or all", () =>
  Effect.gen(function* () {
    const ask = yield* started(new SickEngine(), {}, ["aa", "bb", "cc"])
    expect(yield* ask("GET", "/quarantine")).toMatchObject({
      body: { recordings: [{ content: "aa", strikes: 1 }, { content: "bb" }, { content: "cc" }] },
    })
    expect(yield* ask("DELETE", "/quarantine/bb")).toEqual({ status: 200, body: { removed: 1 } })
    expect(yield* ask("DELETE", "/quarantine/bb")).toEqual({ status: 200, body: { removed: 0 } })
    expect(yield* ask("DELETE", "/quarantine")).toEqual({ status: 200, body: { removed: 2 } })
    expect(yield* ask("GET", "/quarantine")).toMatchObject({ body: { recordings: [] } })
  }),
)
