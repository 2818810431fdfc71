import { expect, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Accounts } from "../../../src/billing/Accounts.ts"
import { goDuration } from "../../../src/http/access/Caller.ts"
import { startGateway } from "../../support/gateway.ts"

type Settings = NonNullable<Parameters<typeof startGateway>[0]>["settings"]

const twelveSigns = '{"model":"tts-1","voice":"alloy","input":"Twelve signs"}'

/** A gateway with an account, and what asks it with a key or without. */
const opened = Effect.fnUntraced(function* (settings: Settings) {
  const gateway = yield* startGateway({ settings })
  const accounts = yield* Accounts.pipe(Effect.provide(gateway.services))
  const { id } = yield* accounts.open({ name: "Test", terms: { kind: "metered", monthlyCap: null } })
  const ask = Effect.fnUntraced(function* (
    method: "GET" | "POST",
    path: string,
    authorization?: string,
    body: string | FormData = twelveSigns,
  ) {
    const response = yield* Effect.promise(() =>
      fetch(gateway.url + path, {
        method,
        headers: {
          ...(typeof body === "string" ? { "content-type": "application/json" } : {}),
          ...(authorization === undefined ? {} : { authorization }),
        },
        ...(method === "POST" ? { body } : {}),
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

it.live("listings need no key by default", () =>
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

const families = (headers: Headers) =>
  ["limit-requests", "remaining-requests", "limit-tokens", "remaining-tokens"].map((name) =>
    headers.get(`x-ratelimit-${name}`),
  )

it.live("tells a limited key on every answer what is left of both its limits, and when to come back", () =>
  Effect.gen(function* () {
    const { accounts, accountId, ask } = yield* opened({ access: "keys" })
    const limits = { requestsPerMinute: 3, charactersPerMinute: 60 }
    const { text } = yield* accounts.createKey({ accountId, name: "Test", limits })
    const bearer = `Bearer ${Redacted.value(text)}`
    const first = yield* ask("POST", speech, bearer)
    expect([first.status, ...families(first.headers)]).toEqual([200, "3", "2", "60", "48"])
    expect(first.headers.get("x-ratelimit-reset-requests")).toMatch(/^\d+(ms|s)$/)

    for (const [body, status] of [
      ["{", 400],
      ['{"model":"tts-1","voice":"alloy"}', 400],
      ['{"model":"tts-9","voice":"alloy","input":"Twelve signs"}', 404],
    ] as const) {
      const refused = yield* ask("POST", speech, bearer, body)
      const [, requests, , characters] = families(refused.headers)
      expect([body, refused.status, Number(requests) > 0, Number(characters) > 0]).toEqual([body, status, true, true])
    }
    yield* ask("POST", speech, bearer)
    const last = yield* ask("POST", speech, bearer)
    expect([last.status, last.error?.code]).toEqual([429, "rate_limit_exceeded"])
    expect(last.error?.message).toBe("Rate limit reached: 3 requests per minute. Please slow down.")
    expect(Number(last.headers.get("retry-after"))).toBeGreaterThanOrEqual(1)
    expect(families(last.headers).slice(0, 3)).toEqual(["3", "0", "60"])
    expect(Number(last.headers.get("x-ratelimit-remaining-tokens"))).toBeGreaterThan(0)
    expect((yield* ask("GET", "/v1/audio/speech/none", bearer)).headers.get("x-ratelimit-remaining-requests")).toBe("0")

    const { text: free } = yield* accounts.createKey({ accountId, name: "Free" })
    const unlimited = yield* ask("POST", speech, `Bearer ${Redacted.value(free)}`)
    expect([unlimited.status, ...families(unlimited.headers)]).toEqual([200, null, null, null, null])
  }),
)

it.live("tells a text that is longer than the limit so, not to wait, and counts nothing", () =>
  Effect.gen(function* () {
    const { accounts, accountId, ask } = yield* opened({ access: "keys" })
    const limits = { requestsPerMinute: 2, charactersPerMinute: 10 }
    const { text } = yield* accounts.createKey({ accountId, name: "Test", limits })
    for (let i = 0; i < 3; i++) {
      const tooLong = yield* ask("POST", speech, `Bearer ${Redacted.value(text)}`)
      expect([tooLong.status, tooLong.error?.code, tooLong.error?.message]).toEqual([
        429,
        "rate_limit_exceeded",
        "Request too large: limit 10 characters per minute, requested 12.",
      ])
      expect(tooLong.headers.get("x-should-retry")).toBe("false")
      expect(tooLong.headers.get("retry-after")).toBeNull()
      expect(families(tooLong.headers)).toEqual(["2", "2", "10", "10"])
    }
  }),
)

it.live("counts a recording as a request without text, and a text by its code points", () =>
  Effect.gen(function* () {
    const { accounts, accountId, ask } = yield* opened({ access: "keys" })
    const limits = { requestsPerMinute: 2, charactersPerMinute: 10 }
    const { text } = yield* accounts.createKey({ accountId, name: "Test", limits })
    const bearer = `Bearer ${Redacted.value(text)}`
    const form = new FormData()
    form.append("model", "whisper-1")
    form.append("file", new Blob(["RIFF"]), "speech.wav")
    const heard = yield* ask("POST", "/v1/audio/transcriptions", bearer, form)
    expect([heard.status, ...families(heard.headers)]).toEqual([200, "2", "1", "10", "10"])
    const tenBirds = JSON.stringify({ model: "tts-1", voice: "alloy", input: "🐦".repeat(10) })
    const spoken = yield* ask("POST", speech, bearer, tenBirds)
    expect([spoken.status, ...families(spoken.headers)]).toEqual([200, "2", "0", "10", "0"])
    expect((yield* ask("POST", "/v1/audio/transcriptions", bearer, form)).status).toBe(429)
  }),
)

it.each([
  [0, "0ms"],
  [11.2, "12ms"],
  [999, "999ms"],
  [1_000, "1s"],
  [59_001, "1m0s"],
  [360_000, "6m0s"],
  [3_661_000, "1h1m1s"],
])("%d milliseconds are written %s, as Go and OpenAI do", (millis, written) => {
  expect(goDuration(millis)).toBe(written)
})
