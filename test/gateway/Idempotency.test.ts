/**
 * A client that got no answer must be able to ask again without paying twice. With an `Idempotency-Key`, requests of one
 * account that agree in key and body are one purchase; without it every request is one of its own, whatever it looks like.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted } from "effect"
import { down } from "../support/billing.ts"
import { postSpeech } from "../support/aviary.ts"
import { NimTest } from "../support/nim.ts"
import { startPaying } from "../support/paying.ts"

type World = Effect.Success<ReturnType<typeof startPaying>>

const input = "Twelve signs"

const speak = Effect.fnUntraced(function* (
  w: World,
  key: string | undefined,
  more: Record<string, unknown> = {},
  authorization = w.authorization,
  others: Record<string, string> = {},
) {
  const headers = { ...others, authorization, ...(key === undefined ? {} : { "idempotency-key": key }) }
  const response = yield* postSpeech(w.url, { input, response_format: "pcm", ...more }, { headers })
  const bytes = yield* Effect.promise(() =>
    response.arrayBuffer().then(
      (whole) => Buffer.from(whole),
      () => undefined,
    ),
  )
  const error = response.ok ? undefined : (JSON.parse(bytes!.toString()) as { error: { code: string } }).error.code
  return { status: response.status, headers: response.headers, bytes, error }
})

const recording = (seconds: number) => {
  const head = Buffer.from("524946460000000057415645666d74201000000001000100803e0000007d00000200100064617461", "hex")
  head.writeUInt32LE(36 + seconds * 32_000, 4)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(seconds * 32_000)
  return Buffer.concat([head, length, Buffer.alloc(seconds * 32_000)])
}

const listen = (w: World, key: string, seconds: number, format = "json") =>
  Effect.promise(async (signal) => {
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("response_format", format)
    form.set("file", new Blob([recording(seconds)]), "speech.wav")
    const headers = { authorization: w.authorization, "idempotency-key": key }
    const response = await fetch(`${w.url}/v1/audio/transcriptions`, { method: "POST", headers, body: form, signal })
    return { status: response.status, text: await response.text() }
  })

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true, timeout: "1 minute" })(
  "Idempotency",
  (it) => {
    const world = Effect.gen(function* () {
      const nim = yield* NimTest
      yield* nim.setFaults([])
      yield* Effect.addFinalizer(() => nim.setFaults([]))
      return yield* startPaying(nim, { probeInterval: "1 hour" })
    })

    it.effect("a speech that is asked for again is the same and paid once, however its JSON is written", () =>
      Effect.gen(function* () {
        const w = yield* world
        const first = yield* speak(w, "order 1")
        const again = yield* speak(w, "order 1", { ignored: true, speed: 1 })
        const fresh = yield* speak(w, "order 1", {}, w.authorization, { "cache-control": "no-cache" })
        expect([first.status, again.status, fresh.status]).toEqual([200, 200, 200])
        for (const { bytes } of [again, fresh]) expect(bytes?.equals(first.bytes!)).toBe(true)
        const elsewhere = { response_format: "pcm", input, voice: "alloy", model: "tts-1" }
        const response = yield* Effect.promise(() =>
          fetch(`${w.url}/v1/audio/speech`, {
            method: "POST",
            headers: {
              "content-type": "application/json",
              authorization: w.authorization,
              "idempotency-key": "order 1",
            },
            body: JSON.stringify(elsewhere, null, 2),
          }),
        )
        expect(Buffer.from(yield* Effect.promise(() => response.arrayBuffer())).equals(first.bytes!)).toBe(true)
        expect(yield* w.settledBooks).toMatchObject({ spent: 12, held: 0, entries: ["charge -12 MISS"] })
      }),
    )

    it.effect(
      "a repetition that asks for a fresh one is answered from the first: it would be a synthesis for nothing",
      () =>
        Effect.gen(function* () {
          const w = yield* world
          const nim = yield* NimTest
          const fresh = { "cache-control": "no-cache" }
          const first = yield* speak(w, "order 1", {}, w.authorization, fresh)
          const asked = (yield* nim.calls).routes.synthesize_online.started
          const again = yield* speak(w, "order 1", {}, w.authorization, fresh)
          expect([first.headers.get("x-cache"), again.headers.get("x-cache")]).toEqual(["MISS", "HIT"])
          expect((yield* nim.calls).routes.synthesize_online.started).toBe(asked)
          expect(yield* w.settledBooks).toMatchObject({ spent: 12, entries: ["charge -12 MISS"] })
        }),
    )

    it.effect(
      "a repetition that must be made again is paid again: with no-store, or when the cache has it no more",
      () =>
        Effect.gen(function* () {
          const w = yield* world
          const nim = yield* NimTest
          const asked = Effect.map(nim.calls, ({ routes }) => routes.synthesize_online.started)
          const before = yield* asked
          const unstored = { "cache-control": "no-store" }
          for (const made of [1, 2, 3]) {
            expect((yield* speak(w, "order 1", {}, w.authorization, unstored)).headers.get("x-cache")).toBe("BYPASS")
            expect((yield* asked) - before).toBe(made)
            expect(yield* w.settledBooks).toMatchObject({ spent: 12 * made, held: 0 })
          }
          expect((yield* speak(w, "order 1")).headers.get("x-cache")).toBe("MISS")
          expect((yield* speak(w, "order 1")).headers.get("x-cache")).toBe("HIT")
          expect(yield* w.settledBooks).toMatchObject({ spent: 48, held: 0 })
        }),
    )

    it.effect("of repetitions at once that must be made again one is, and the others are told to wait", () =>
      Effect.gen(function* () {
        const w = yield* world
        const nim = yield* NimTest
        const again = speak(w, "order 1", {}, w.authorization, { "cache-control": "no-store" })
        yield* again
        yield* nim.setFaults([{ kind: "hang", route: "synthesize_online" }])
        const first = yield* Effect.forkChild(again)
        yield* w.booksWhen(({ held }) => held > 0)
        expect(yield* again).toMatchObject({ status: 409, error: "idempotency_key_in_use" })
        yield* nim.restart()
        expect((yield* Fiber.join(first)).status).toBeGreaterThanOrEqual(500)
        expect(yield* w.settledBooks).toMatchObject({ spent: 12, held: 0 })
      }),
    )

    it.effect("who left with a part and asks again has paid the price once when it has the whole", () =>
      Effect.gen(function* () {
        const w = yield* world
        const nim = yield* NimTest
        yield* nim.setFaults([{ kind: "hang", afterBytes: 3 * 1_544 * 2, route: "synthesize_online" }])
        for (const _ of ["left", "left again"]) {
          const leaving = new AbortController()
          const response = yield* Effect.promise(() =>
            fetch(`${w.url}/v1/audio/speech`, {
              method: "POST",
              headers: {
                "content-type": "application/json",
                authorization: w.authorization,
                "idempotency-key": "order 1",
              },
              body: JSON.stringify({ model: "tts-1", voice: "alloy", input, response_format: "pcm" }),
              signal: leaving.signal,
            }),
          )
          expect(response.status).toBe(200)
          leaving.abort()
          const { spent } = yield* w.booksWhen((now) => now.held === 0 && now.spent > 0)
          expect(spent).toBeGreaterThanOrEqual(1)
          expect(spent).toBeLessThan(12)
        }
        yield* nim.setFaults([])
        expect((yield* speak(w, "order 1")).status).toBe(200)
        const { entries, held, spent } = yield* w.settledBooks
        expect({ held, spent }).toEqual({ held: 0, spent: 12 })
        expect(entries.at(-1)).toBe("charge -12 MISS")
        expect((yield* speak(w, "order 1")).headers.get("x-cache")).toBe("HIT")
        expect(yield* w.settledBooks).toMatchObject({ spent: 12, held: 0 })
      }),
    )

    it.effect("without a key, and with another, every request is paid for", () =>
      Effect.gen(function* () {
        const w = yield* world
        for (const key of ["order 1", "order 2", undefined, undefined]) yield* speak(w, key)
        expect(yield* w.settledBooks).toMatchObject({ spent: 12 + 3 * 6, held: 0 })
      }),
    )

    it.effect("keys of two accounts have nothing to do with each other", () =>
      Effect.gen(function* () {
        const w = yield* world
        const other = yield* w.accounts.open({ name: "Other", terms: { kind: "metered", monthlyCap: null } })
        const { text } = yield* w.accounts.createKey({ accountId: other.id, name: "Other" })
        yield* speak(w, "order 1")
        expect((yield* speak(w, "order 1", { input: "Something else" }, `Bearer ${Redacted.value(text)}`)).status).toBe(
          200,
        )
        expect(yield* w.accounts.get(other.id)).toMatchObject({ balance: -14 })
        expect(yield* w.settledBooks).toMatchObject({ spent: 12 })
      }),
    )

    it.effect("another body under the same key is refused, and so is a key that is none", () =>
      Effect.gen(function* () {
        const w = yield* world
        yield* speak(w, "order 1")
        for (const body of [
          ...[{ input: "Twelve sighs" }, { voice: "echo" }, { response_format: "wav" }],
          ...[{ sample_rate_hz: 16_000 }, { model: "tts-1-hd" }],
        ]) {
          expect(yield* speak(w, "order 1", body)).toMatchObject({ status: 400, error: "idempotency_key_reused" })
        }
        for (const key of ["", "x".repeat(256)]) {
          expect(yield* speak(w, key)).toMatchObject({ status: 400, error: "invalid_value" })
        }
        expect(yield* w.settledBooks).toMatchObject({ spent: 12, held: 0 })
      }),
    )

    it.effect("while the first is at work the second is told to wait; once the first has failed it may", () =>
      Effect.gen(function* () {
        const w = yield* world
        const nim = yield* NimTest
        yield* nim.setFaults([{ kind: "hang", route: "synthesize_online" }])
        const leaving = new AbortController()
        const first = fetch(`${w.url}/v1/audio/speech`, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: w.authorization, "idempotency-key": "order 1" },
          body: JSON.stringify({ model: "tts-1", voice: "alloy", input, response_format: "pcm" }),
          signal: leaving.signal,
        }).catch(() => undefined)
        expect(yield* w.booksWhen(({ held }) => held > 0)).toMatchObject({ held: 12 })
        const second = yield* speak(w, "order 1")
        expect([second.status, second.error]).toEqual([409, "idempotency_key_in_use"])
        expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0)
        leaving.abort()
        yield* Effect.promise(() => first)
        // Noticed within a second: an engine that goes on before would make the whole for whoever has left.
        yield* w.settledBooks
        yield* nim.setFaults([])
        expect((yield* speak(w, "order 1")).status).toBe(200)
        expect(yield* w.settledBooks).toMatchObject({ spent: 12, held: 0 })
      }),
    )

    it.effect("a charge that could not be written leaves the key free for another try", () =>
      Effect.gen(function* () {
        const w = yield* world
        w.faults.set("settle", down())
        expect((yield* speak(w, "order 1")).bytes).toBeUndefined()
        yield* w.settledBooks
        w.faults.clear()
        expect((yield* speak(w, "order 1")).status).toBe(200)
        expect(yield* w.settledBooks).toMatchObject({ spent: 6, held: 0 })
      }),
    )

    it.effect("a transcription that is asked for again is answered from the first, without an engine", () =>
      Effect.gen(function* () {
        const w = yield* world
        const nim = yield* NimTest
        const first = yield* listen(w, "order 1", 2)
        expect(first.status).toBe(200)
        const asked = (yield* nim.calls).routes.transcriptions.started
        yield* nim.setFaults([{ kind: "cut", afterBytes: 0, route: "transcriptions" }])
        expect(yield* listen(w, "order 1", 2)).toEqual(first)
        expect((yield* nim.calls).routes.transcriptions.started).toBe(asked)
        expect((yield* listen(w, "order 1", 3)).status).toBe(400)
        expect((yield* listen(w, "order 1", 2, "text")).status).toBe(400)
        expect(yield* w.settledBooks).toMatchObject({ spent: 2, held: 0, entries: ["charge -2 MISS"] })
      }),
    )

    it.effect("a transcription that was answered from the first's charge has paid, though the first then leaves", () =>
      Effect.gen(function* () {
        const w = yield* world
        const [made, answer, left] = yield* Effect.all([
          Deferred.make<void>(),
          Deferred.make<void>(),
          Deferred.make<void>(),
        ])
        w.faults.set("settle", (run) =>
          Effect.tap(run, () => Effect.andThen(Deferred.succeed(made, undefined), Deferred.await(answer))),
        )
        const first = yield* Effect.forkChild(listen(w, "order 1", 2))
        yield* Deferred.await(made)
        w.faults.clear()
        expect((yield* listen(w, "order 1", 2)).status).toBe(200)
        w.faults.set("release", (run) => Effect.tap(run, () => Deferred.succeed(left, undefined)))
        yield* Fiber.interrupt(first)
        yield* Effect.sleep("1500 millis")
        yield* Deferred.succeed(answer, undefined)
        yield* Deferred.await(left)
        expect(yield* w.settledBooks).toMatchObject({ spent: 2, entries: ["charge -2 MISS"] })
      }),
    )
  },
)
