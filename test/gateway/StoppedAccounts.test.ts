/**
 * An operator can stop an account: freeze it, until it has paid or a stolen key is found, or close it for good. From that
 * moment nothing new is begun for it; what is under way goes on and is charged, since its client may be reading it already.
 * No entry and no money disappears.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import { postSpeech } from "../support/aviary.ts"
import { countedNim } from "../support/countedNim.ts"
import { NimTest } from "../support/nim.ts"
import { startPaying } from "../support/paying.ts"

const adminToken = "the admin token of this test"
const input = "Forty characters that somebody pays for."

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })("StoppedAccounts", (it) => {
  const opened = Effect.gen(function* () {
    const goOn = yield* Deferred.make<void>()
    const nim = yield* countedNim({ hold: (text) => (text === input ? Deferred.await(goOn) : Effect.void) })
    const gateway = yield* startPaying(nim, { adminToken })
    const { accountId, authorization, url } = gateway
    const ask = Effect.fnUntraced(function* (method: string, path: string, body?: unknown, as = authorization) {
      const headers = { authorization: as, "content-type": "application/json" }
      const response = yield* Effect.promise(() =>
        fetch(url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }),
      )
      const text = yield* Effect.promise(() => response.text())
      const json = response.headers.get("content-type")?.includes("json") === true ? JSON.parse(text) : {}
      return { status: response.status, code: json.error?.code, retry: response.headers.get("x-should-retry"), json }
    })
    const operate = (method: string, path = "", body?: unknown) =>
      ask(method, `/admin/accounts/${accountId}${path}`, body, `Bearer ${adminToken}`)
    const speak = ask("POST", "/v1/audio/speech", { model: "tts-1", voice: "alloy", input: "Other words." })
    const streaming = yield* postSpeech(url, { input }, { headers: { authorization } })
    /** Reads what was under way to its end, and says what it cost. */
    const finished = Effect.gen(function* () {
      yield* Deferred.succeed(goOn, undefined)
      const { byteLength } = yield* Effect.promise(() => streaming.arrayBuffer())
      const { entries, holds } = yield* gateway.settledBooks
      return { whole: byteLength > 1_000, entries, holds }
    })
    const place = streaming.headers.get("content-location")!
    return { ...gateway, ask, operate, speak, place, finished }
  })
  const charged = { whole: true, entries: ["charge -40 MISS"], holds: ["settled"] }

  it.effect("a frozen one begins nothing, is charged for what is under way, and goes on once unfrozen", () =>
    Effect.gen(function* () {
      const { ask, operate, speak, place, finished } = yield* opened
      expect((yield* operate("POST", "/freeze")).json).toMatchObject({ state: "frozen", held: 40 })
      const refused = { status: 403, code: "account_frozen", retry: "false" }
      expect(yield* speak).toMatchObject(refused)
      expect(yield* finished).toEqual(charged)
      expect(yield* ask("GET", place)).toMatchObject(refused)
      expect(yield* ask("POST", "/v1/audio/transcriptions")).toMatchObject(refused)
      expect((yield* operate("POST", "/deposits", { amount: 1 })).status).toBe(201)
      expect((yield* operate("POST", "/unfreeze")).json).toMatchObject({ state: "open" })
      expect((yield* speak).status).toBe(200)
      expect((yield* ask("GET", place)).status).toBe(200)
    }),
  )

  it.effect(
    "a closed one begins nothing any more, is charged for what is under way, and keeps its entries and balance",
    () =>
      Effect.gen(function* () {
        const { accounts, accountId, ask, operate, speak, place, finished } = yield* opened
        expect((yield* operate("DELETE")).json).toMatchObject({ state: "closed", held: 40, balance: 1_000_000 })
        const refused = { status: 403, code: "account_closed", retry: "false" }
        expect(yield* speak).toMatchObject(refused)
        expect(yield* finished).toEqual(charged)
        expect(yield* ask("GET", place)).toMatchObject(refused)
        expect((yield* accounts.keys(accountId)).map(({ revokedAt }) => revokedAt !== null)).toEqual([true])

        const newKey = { accountId, name: "Another" }
        const denied = [
          yield* operate("POST", "/unfreeze"),
          yield* operate("POST", "/freeze"),
          yield* operate("PATCH", "", { name: "Another" }),
          yield* operate("POST", "/deposits", { amount: 1 }),
          yield* ask("POST", "/admin/keys", newKey, `Bearer ${adminToken}`),
        ]
        expect(denied.map(({ status, code }) => [status, code])).toEqual(denied.map(() => [400, "not_accepted"]))
        yield* operate("POST", "/adjustments", { amount: -999_960, reason: "paid out" })
        expect((yield* operate("DELETE")).json).toMatchObject({ state: "closed", balance: 0 })
        expect((yield* operate("GET", "/statement")).json.entries).toHaveLength(3)
      }),
  )

  it.effect("the account of requests without a key is neither: they would have none", () =>
    Effect.gen(function* () {
      const { ask, finished } = yield* opened
      yield* finished
      const path = "/admin/accounts/anonymous"
      for (const [method, verb] of [
        ["POST", "/freeze"],
        ["DELETE", ""],
      ] as const) {
        const { status, json } = yield* ask(method, path + verb, undefined, `Bearer ${adminToken}`)
        expect([status, json.error.message]).toEqual([
          400,
          "The account anonymous pays for requests without a key, so it stays open. To let in nobody without a key, set AVIARY_ACCESS=keys.",
        ])
      }
    }),
  )
})
