/**
 * What one account had spoken is no other's: not to be fetched by its key, whoever knows it, not to be guessed from a text,
 * and not to be told by a hit, a miss or a joined synthesis. Without keys everybody is one account, and shares.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, FileSystem, Layer, Redacted } from "effect"
import type { KeyLimits } from "../../src/billing/ApiKey.ts"
import { postSpeech } from "../support/aviary.ts"
import { countedNim } from "../support/countedNim.ts"
import { NimTest } from "../support/nim.ts"
import { startPaying, watchedLedger } from "../support/paying.ts"

const input = "Something between me and my doctor."

/** Another client of `gateway`, with an account of its own that has no money. */
const newcomer = Effect.fnUntraced(function* (
  { accounts }: Effect.Success<ReturnType<typeof startPaying>>,
  limits: Partial<KeyLimits> = {},
  deposit = 0,
) {
  const { id: accountId } = yield* accounts.open({ name: "Other", terms: { kind: "prepaid", overdraft: 0 } })
  if (deposit > 0) yield* accounts.deposit({ accountId, amount: deposit })
  const { text } = yield* accounts.createKey({ accountId, name: "Other", limits })
  return { authorization: `Bearer ${Redacted.value(text)}` }
})

const whole = Effect.fnUntraced(function* (asked: Effect.Effect<Response>) {
  const response = yield* asked
  const body = Buffer.from(yield* Effect.promise(() => response.arrayBuffer())).toString("latin1")
  const { status, headers } = response
  return { status, body, cache: headers.get("x-cache"), place: headers.get("content-location") ?? "" }
})

const say = (url: string, headers: Record<string, string>) => whole(postSpeech(url, { input }, { headers }))
const get = (url: string, headers: Record<string, string>) => whole(Effect.promise(() => fetch(url, { headers })))

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })("AccountsApart", (it) => {
  it.effect("nobody fetches another's speech, nor learns that there is one", () =>
    Effect.gen(function* () {
      const nim = yield* countedNim()
      const gateway = yield* startPaying(nim)
      const { url } = gateway
      const [mine, theirs] = [{ authorization: gateway.authorization }, yield* newcomer(gateway, {}, 1_000)]
      const { place, cache } = yield* say(url, mine)
      expect([cache, nim.callsOf(input)]).toEqual(["MISS", 1])
      expect((yield* get(url + place, mine)).status).toBe(200)

      const unknown = `/v1/audio/speech/${"0".repeat(64)}`
      const [foreign, none] = [yield* get(url + place, theirs), yield* get(url + unknown, theirs)]
      expect(foreign.status).toBe(404)
      expect(foreign.body.replace(place.slice(-64), "")).toBe(none.body.replace("0".repeat(64), ""))

      const same = yield* say(url, theirs)
      expect([same.cache, nim.callsOf(input)]).toEqual(["MISS", 2])
      expect(same.place).not.toBe(place)
      expect((yield* get(url + same.place, mine)).status).toBe(404)
      for (const headers of [mine, theirs]) expect((yield* say(url, headers)).cache).toBe("HIT")
      expect(nim.callsOf(input)).toBe(2)
    }),
  )

  it.effect("nobody follows another's synthesis", () =>
    Effect.gen(function* () {
      const goOn = yield* Deferred.make<void>()
      const nim = yield* countedNim({ hold: () => Deferred.await(goOn) })
      const gateway = yield* startPaying(nim)
      const mine = { authorization: gateway.authorization }
      const theirs = yield* newcomer(gateway, {}, 1_000)
      const streams = yield* Effect.forEach([mine, theirs, mine], (headers) =>
        postSpeech(gateway.url, { input }, { headers }),
      )
      expect(streams.map(({ headers }) => headers.get("x-cache"))).toEqual(["MISS", "MISS", "COALESCED"])
      expect(nim.callsOf(input)).toBe(2)
      yield* Deferred.succeed(goOn, undefined)
      yield* Effect.forEach(streams, (stream) => Effect.promise(() => stream.arrayBuffer()))
    }),
  )

  it.effect("to fetch one's own counts as a request against the limits of a key", () =>
    Effect.gen(function* () {
      const gateway = yield* startPaying(yield* NimTest)
      const limited = yield* newcomer(gateway, { requestsPerMinute: 2, charactersPerMinute: input.length }, 1_000)
      const { place } = yield* say(gateway.url, limited)
      const fetched = yield* Effect.forEach([1, 2], () => get(gateway.url + place, limited))
      expect(fetched.map(({ status }) => status)).toEqual([200, 429])
    }),
  )

  it.effect("gateways on one data directory know each other's entries, by a secret that only their user reads", () =>
    Effect.gen(function* () {
      const nim = yield* countedNim()
      const over = yield* watchedLedger
      const first = yield* startPaying(nim, {}, { over })
      const mine = { authorization: first.authorization }
      const { place } = yield* say(first.url, mine)
      const second = yield* startPaying(nim, { dataDir: first.dataDir }, { over })
      expect((yield* get(second.url + place, mine)).status).toBe(200)
      expect((yield* say(second.url, mine)).cache).toBe("HIT")
      expect((yield* get(second.url + place, { authorization: second.authorization })).status).toBe(404)
      const fs = yield* FileSystem.FileSystem
      expect((yield* fs.stat(`${first.dataDir}/cache-secret`)).mode & 0o777).toBe(0o600)
    }),
  )

  it.effect("they share where an operator says so", () =>
    Effect.gen(function* () {
      const nim = yield* countedNim()
      const gateway = yield* startPaying(nim, { cacheShared: "all" })
      const theirs = yield* newcomer(gateway, {}, 1_000)
      const { place } = yield* say(gateway.url, { authorization: gateway.authorization })
      expect((yield* get(gateway.url + place, theirs)).status).toBe(200)
      expect((yield* say(gateway.url, theirs)).cache).toBe("HIT")
    }),
  )
})
