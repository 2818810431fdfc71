/**
 * Once a speech is whole it is a thing of its own: with a URL, a version and a length, so that players can seek in it,
 * clients can keep it and ask whether it changed. RFC 9110 defines all that for GET. It is made by POST alone, and only
 * making and replaying it there is charged: a player asks in many ranges.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { declaredWavBytes } from "../support/audioDigest.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { countedNim } from "../support/countedNim.ts"
import { NimTest } from "../support/nim.ts"

const adminToken = "the-operator-s-own"
const input = "A speech that somebody will come back to."

const whole = Effect.fnUntraced(function* (asked: Effect.Effect<Response>) {
  const response = yield* asked
  const bytes = Buffer.from(yield* Effect.promise(() => response.arrayBuffer()))
  return { status: response.status, header: (name: string) => response.headers.get(name), bytes }
})

const say = (url: string, headers: Record<string, string> = {}) => whole(postSpeech(url, { input }, { headers }))
const get = (url: string, headers: Record<string, string> = {}) => whole(Effect.promise(() => fetch(url, { headers })))

/** Speeches that the ledger has charged for. */
const charged = (url: string) =>
  Effect.promise(async () => {
    const since = Math.floor(Date.now() / 1_000) - 86_400
    const response = await fetch(`${url}/v1/organization/usage/audio_speeches?start_time=${since}`, {
      headers: { authorization: `Bearer ${adminToken}` },
    })
    const { data } = (await response.json()) as { data: Array<{ results: Array<{ num_model_requests: number }> }> }
    return data.flatMap(({ results }) => results).reduce((sum, { num_model_requests }) => sum + num_model_requests, 0)
  })

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })("CommittedSpeech", (it) => {
  it.effect("has the bytes that were streamed, and the same version wherever it is met", () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(yield* NimTest)
      const miss = yield* say(url)
      expect([miss.header("x-cache"), miss.header("content-length"), miss.header("etag")]).toEqual(["MISS", null, null])
      const place = miss.header("content-location")!
      const etag = `"${createHash("sha256").update(miss.bytes).digest("hex")}"`

      const fetched = yield* get(url + place)
      expect([fetched.status, fetched.header("etag"), fetched.header("content-type")]).toEqual([
        200,
        etag,
        "audio/mpeg",
      ])
      expect(fetched.bytes.equals(miss.bytes)).toBe(true)
      const part = yield* get(url + place, { range: "bytes=1000-1999", "if-range": etag })
      expect([part.status, part.header("content-range")]).toEqual([206, `bytes 1000-1999/${miss.bytes.length}`])
      expect(part.bytes.equals(miss.bytes.subarray(1_000, 2_000))).toBe(true)
      expect((yield* get(url + place, { "if-none-match": etag })).status).toBe(304)

      const hit = yield* say(url)
      expect([hit.header("x-cache"), hit.header("etag"), hit.header("content-location")]).toEqual(["HIT", etag, place])
      expect(hit.header("content-length")).toBe(String(miss.bytes.length))
      expect(hit.bytes.equals(miss.bytes)).toBe(true)
    }),
  )

  it.effect("says its true length where its stream could not: a player of the WAV shows that, not 24 hours", () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(yield* NimTest)
      const sayWav = whole(postSpeech(url, { input, response_format: "wav" }))
      const miss = yield* sayWav
      expect([miss.header("x-cache"), declaredWavBytes(miss.bytes)]).toEqual(["MISS", undefined])
      const audio = miss.bytes.subarray(44)
      const kept = Buffer.concat([wavHeader(24_000, audio.length), audio])
      const etag = `"${createHash("sha256").update(kept).digest("hex")}"`

      const hit = yield* sayWav
      expect([hit.header("x-cache"), hit.header("etag"), hit.bytes.equals(kept)]).toEqual(["HIT", etag, true])
      const place = url + hit.header("content-location")!
      const fetched = yield* get(place)
      expect([fetched.header("etag"), fetched.bytes.equals(kept)]).toEqual([etag, true])
      const begin = yield* get(place, { range: "bytes=0-99", "if-range": etag })
      expect([begin.status, begin.bytes.equals(kept.subarray(0, 100))]).toEqual([206, true])
      // Who lost the connection half-way goes on where it broke off.
      const rest = yield* get(place, { range: "bytes=5000-" })
      expect(rest.bytes.equals(miss.bytes.subarray(5_000))).toBe(true)
      expect((yield* get(place, { "if-none-match": etag })).status).toBe(304)
    }),
  )

  it.effect("is not charged for when fetched", () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(yield* NimTest, { adminToken })
      const place = (yield* say(url)).header("content-location")!
      expect(yield* charged(url)).toBe(1)
      for (const range of ["bytes=0-99", "bytes=100-", "bytes=0-"]) yield* get(url + place, { range })
      yield* get(url + place)
      expect(yield* charged(url)).toBe(1)
      yield* say(url)
      expect(yield* charged(url)).toBe(2)
    }),
  )

  it.effect("is made anew for no-cache, and is neither looked at nor kept for no-store", () =>
    Effect.gen(function* () {
      const nim = yield* countedNim()
      const { url } = yield* startAviary(nim)
      const served = Effect.fnUntraced(function* (cacheControl?: string) {
        const { status, header } = yield* say(url, cacheControl === undefined ? {} : { "cache-control": cacheControl })
        return [status, header("x-cache"), header("content-location") !== null, nim.callsOf(input)]
      })
      expect(yield* served("no-store")).toEqual([200, "BYPASS", false, 1])
      expect(yield* served()).toEqual([200, "MISS", true, 2])
      expect(yield* served("no-cache")).toEqual([200, "MISS", true, 3])
      expect(yield* served()).toEqual([200, "HIT", true, 3])
      expect(yield* served("No-Store, max-age=0")).toEqual([200, "BYPASS", false, 4])
      expect(yield* served("max-age=0")).toEqual([200, "MISS", true, 5])
      expect(yield* served("max-age=3600")).toEqual([200, "HIT", true, 5])
    }),
  )

  it.effect("is not there before it is whole", () =>
    Effect.gen(function* () {
      const goOn = yield* Deferred.make<void>()
      const nim = yield* countedNim({ hold: () => Deferred.await(goOn) })
      const { url } = yield* startAviary(nim)
      const streaming = yield* postSpeech(url, { input })
      const place = url + streaming.headers.get("content-location")!
      const early = yield* get(place)
      expect([early.status, early.header("cache-control")]).toEqual([404, "no-store"])
      yield* Deferred.succeed(goOn, undefined)
      const bytes = Buffer.from(yield* Effect.promise(() => streaming.arrayBuffer()))
      const late = yield* get(place)
      expect(late.status).toBe(200)
      expect(late.bytes.equals(bytes)).toBe(true)
    }),
  )
})
