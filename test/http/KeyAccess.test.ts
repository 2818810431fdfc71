import { expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Accounts } from "../../src/billing/Accounts.ts"
import { startGateway } from "../support/gateway.ts"

type Settings = NonNullable<Parameters<typeof startGateway>[0]>["settings"]

/** A gateway with an account, and what asks it with a key or without. */
const opened = Effect.fnUntraced(function* (settings: Settings) {
  const gateway = yield* startGateway({ settings })
  const accounts = yield* Accounts.pipe(Effect.provide(gateway.services))
  const { id } = yield* accounts.open({ name: "Test", terms: { kind: "metered", monthlyCap: null } })
  const ask = Effect.fnUntraced(function* (method: "GET" | "POST", path: string, authorization?: string) {
    const response = yield* Effect.promise(() =>
      fetch(gateway.url + path, {
        method,
        headers: { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) },
        ...(method === "POST" ? { body: '{"model":"tts-1","voice":"alloy","input":"Twelve signs"}' } : {}),
      }),
    )
    const text = yield* Effect.promise(() => response.text())
    const error = response.ok ? undefined : (JSON.parse(text) as { error: { code: string; message: string } }).error
    return { status: response.status, headers: response.headers, error }
  })
  return { accounts, accountId: id, ask }
})

const speech = "/v1/audio/speech"

it.live("asks for a key in OpenAI's words, and lets in who has a good one", () =>
  Effect.gen(function* () {
    const { accounts, accountId, ask } = yield* opened({ access: "keys" })
    const none = yield* ask("POST", speech)
    expect([none.status, none.error?.code]).toEqual([401, "invalid_api_key"])
    expect(none.error?.message).toContain("You didn't provide an API key.")
    expect(none.headers.get("www-authenticate")).toBe('Bearer realm="aviary"')
    for (const bad of ["Bearer sk-aviary-wrong", "Bearer sk-proj-other", "Bearer x", "Basic c2s6eA==", "sk-aviary-x"]) {
      expect([bad, (yield* ask("POST", speech, bad)).status]).toEqual([bad, 401])
    }
    const { key, text } = yield* accounts.createKey({ accountId, name: "Test" })
    expect((yield* ask("POST", speech, `Bearer ${Redacted.value(text)}`)).status).toBe(200)
    expect((yield* ask("POST", speech, `bearer ${Redacted.value(text)}`)).status).toBe(200)
    yield* accounts.revokeKey(key.id)
    const revoked = yield* ask("POST", speech, `Bearer ${Redacted.value(text)}`)
    expect([revoked.status, revoked.error?.message]).toEqual([401, "The API key has been revoked."])
  }),
)

it.live("without keys ignores what OpenAI's clients must send, but not a key of ours that is wrong", () =>
  Effect.gen(function* () {
    const { ask } = yield* opened({ access: "open" })
    expect((yield* ask("POST", speech)).status).toBe(200)
    expect((yield* ask("POST", speech, "Bearer dummy")).status).toBe(200)
    expect((yield* ask("POST", speech, "Bearer sk-aviary-wrong")).status).toBe(401)
  }),
)

const listings = ["/v1/models", "/v1/models/tts-1", "/v1/audio/voices", "/v1/audio/models"]

it.live("lists without a key, unless told otherwise", () =>
  Effect.gen(function* () {
    const open = yield* opened({ access: "keys" })
    for (const path of listings) expect([path, (yield* open.ask("GET", path)).status]).toEqual([path, 200])
    const closed = yield* opened({ access: "keys", listings: "keys" })
    const { text } = yield* closed.accounts.createKey({ accountId: closed.accountId, name: "Test" })
    for (const path of listings) {
      expect([path, (yield* closed.ask("GET", path)).status]).toEqual([path, 401])
      expect((yield* closed.ask("GET", path, `Bearer ${Redacted.value(text)}`)).status).toBe(200)
    }
  }),
)

it.live("tells a limited key on every answer what is left of its limits, and when to come back", () =>
  Effect.gen(function* () {
    const { accounts, accountId, ask } = yield* opened({ access: "keys" })
    const limits = { requestsPerMinute: 2, charactersPerMinute: 60 }
    const { text } = yield* accounts.createKey({ accountId, name: "Test", limits })
    const bearer = `Bearer ${Redacted.value(text)}`
    const left = ({ headers }: { headers: Headers }) =>
      ["limit-requests", "remaining-requests", "limit-tokens", "remaining-tokens"].map((name) =>
        headers.get(`x-ratelimit-${name}`),
      )
    const first = yield* ask("POST", speech, bearer)
    expect([first.status, ...left(first)]).toEqual([200, "2", "1", "60", "48"])
    expect(first.headers.get("x-ratelimit-reset-requests")).toMatch(/^\d+(ms|s)$/)
    const second = yield* ask("POST", speech, bearer)
    expect(left(second).slice(0, 2)).toEqual(["2", "0"])
    const third = yield* ask("POST", speech, bearer)
    expect([third.status, third.error?.code]).toEqual([429, "rate_limit_exceeded"])
    expect(Number(third.headers.get("retry-after"))).toBeGreaterThanOrEqual(1)
    expect(left(third).slice(0, 2)).toEqual(["2", "0"])
    const { text: free } = yield* accounts.createKey({ accountId, name: "Free" })
    expect(
      (yield* ask("POST", speech, `Bearer ${Redacted.value(free)}`)).headers.get("x-ratelimit-limit-requests"),
    ).toBeNull()
  }),
)
