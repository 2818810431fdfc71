import { expect, it } from "@effect/vitest"
import { Cause, Effect, Layer, Logger, Redacted, References } from "effect"
import { Accounts } from "../../src/billing/Accounts.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineUnreachable } from "../../src/upstream/EngineFailure.ts"
import { loggable, requestId, whyBroken } from "../../src/http/RequestRecord.ts"
import { Speech } from "../../src/speech/Speech.ts"
import { postSpeech } from "../support/aviary.ts"
import { startGateway, transcriptionOf } from "../support/gateway.ts"

it.each(["a", "550e8400-e29b-41d4-a716-446655440000", "req_1.2:3", "x".repeat(64)])(
  "keeps the client's %s",
  (given) => {
    expect(requestId(given)).toBe(given)
  },
)

it.each([undefined, "", "x".repeat(65), "a b", "a\tb", "ü", "<script>", "a\r\nx: y", "sk-aviary-abc"])(
  "replaces %j",
  (given) => {
    expect(requestId(given)).toMatch(/^req_[0-9a-f]{32}$/)
  },
)

it("never repeats itself", () => {
  expect(requestId(undefined)).not.toBe(requestId(undefined))
})

const away = new EngineError({
  engine: "magpie",
  reason: new EngineUnreachable({ message: "connect ECONNREFUSED 10.0.0.7:9000" }),
})

/** A gateway whose Magpie is away, and what it logs from `level` on. */
const logging = Effect.fnUntraced(function* (level: "Debug" | "Info") {
  const lines: Array<Record<string, unknown>> = []
  const logger = Logger.make(({ fiber, logLevel, message }) => {
    lines.push({ logLevel, message: String(message), ...fiber.getRef(References.CurrentLogAnnotations) })
  })
  const gateway = yield* startGateway({
    settings: { access: "keys" },
    programs: Layer.merge(Layer.succeed(Speech, { speak: () => Effect.fail(away) }), transcriptionOf()),
    loggers: [logger],
  }).pipe(Effect.provideService(References.MinimumLogLevel, level))
  const accounts = yield* Accounts.pipe(Effect.provide(gateway.services))
  const { id: accountId } = yield* accounts.open({ name: "Test", terms: { kind: "metered", monthlyCap: null } })
  const { key, text } = yield* accounts.createKey({ accountId, name: "Test" })
  const speak = (body: Record<string, unknown> = {}) =>
    postSpeech(gateway.url, body, { headers: { authorization: `Bearer ${Redacted.value(text)}` } })
  return { accountId, keyId: key.id, lines, speak, url: gateway.url }
})

it.live("a request that an engine failed is a warning that says who asked for what, the code and why", () =>
  Effect.gen(function* () {
    const { accountId, keyId, lines, speak } = yield* logging("Info")
    expect((yield* speak()).status).toBe(502)
    expect(lines).toEqual([
      expect.objectContaining({
        logLevel: "Warn",
        message: "Request",
        status: 502,
        code: "engine_unreachable",
        why: "EngineUnreachable: connect ECONNREFUSED 10.0.0.7:9000",
        account: accountId,
        key: keyId,
        model: "tts-1",
        voice: "alloy",
      }),
    ])
  }),
)

it.live("a request whose key is refused says why", () =>
  Effect.gen(function* () {
    const { lines, url } = yield* logging("Info")
    const headers = { authorization: "Bearer sk-aviary-nobodys" }
    expect((yield* postSpeech(url, {}, { headers })).status).toBe(401)
    expect(lines).toEqual([expect.objectContaining({ code: "invalid_api_key", why: "InvalidKey" })])
  }),
)

it.live("a refusal is no warning; a name of the client's stays on one line, without keys", () =>
  Effect.gen(function* () {
    const { lines, speak } = yield* logging("Info")
    const secret = `sk-aviary-${"a".repeat(43)}`
    expect((yield* speak({ model: `x\n${secret}` })).status).toBe(404)
    expect(lines).toEqual([expect.objectContaining({ logLevel: "Info", code: "model_not_found" })])
    expect(lines[0]!["model"]).toMatch(/^x sk-aviary-…$/)
  }),
)

it.live("health checks and metrics are logged for debugging only, which also tells of requests that begin", () =>
  Effect.gen(function* () {
    for (const [level, expected] of [
      ["Info", []],
      ["Debug", ["Request begun /health/live", "Request /health/live", "Request begun /metrics", "Request /metrics"]],
    ] as const) {
      const { lines, url } = yield* logging(level)
      for (const path of ["/health/live", "/metrics"]) {
        yield* Effect.promise(() => fetch(url + path, { headers: { "user-agent": "kube-probe/1" } }))
      }
      expect(lines.map(({ message, path }) => `${String(message)} ${String(path)}`)).toEqual(expected)
      if (level === "Debug") expect(lines[0]).toMatchObject({ client: "127.0.0.1", user_agent: "kube-probe/1" })
    }
  }),
)

it("a cause is logged as it is, and as text without the key if it repeats one", () => {
  const harmless = Cause.die(new Error("the engine broke off"))
  expect(loggable(harmless)).toBe(harmless)
  const text = loggable(Cause.die(new Error("no route for /v1/sk-aviary-abc")))
  expect(text).toMatch(/^Error: no route for \/v1\/sk-aviary-…\n +at /)
})

it("an answer that was broken off is told in words on one line, without a stack and without keys", () => {
  const cause = Cause.combine(Cause.fail(new Error("the engine broke off")), Cause.die(new Error("sk-aviary-abc")))
  expect(whyBroken(cause)).toBe("the engine broke off; sk-aviary-…")
})
