/**
 * Whoever has money for a hundred more like it, or no limit, does not wait for the ledger before the engine is asked: both are asked at once. Nobody is given a
 * byte before the hold is there, and where it is refused after all, the engine's work is called off and nothing is charged.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Redacted, Schedule } from "effect"
import { readFileSync } from "node:fs"
import { postSpeech } from "../support/aviary.ts"
import { rates } from "../support/billing.ts"
import { countedNim } from "../support/countedNim.ts"
import { NimTest } from "../support/nim.ts"
import { startPaying } from "../support/paying.ts"

/** Two seconds and a half of speech: three micro-units. */
const probe = readFileSync(new URL("../../src/health/probe.wav", import.meta.url))

/** Forty micro-units. */
const input = "Forty characters that somebody pays for."

/** Whether it is so within five seconds. */
const becomes = <E>(isSo: Effect.Effect<boolean, E>) =>
  isSo.pipe(
    Effect.repeat({ until: (met) => met, schedule: Schedule.spaced("10 millis") }),
    Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => Effect.succeed(false) }),
  )

/** A gateway whose account has had a first speech, and whose ledger then takes as long for a hold as it is told to. */
const opened = Effect.fnUntraced(function* ({
  balance = 1_000_000,
  hangs = false,
  breaks = false,
  millis = 0,
  settings = {} as Parameters<typeof startPaying>[1],
} = {}) {
  const nim = yield* countedNim({
    begin: (text) => (hangs && text === input ? Effect.never : Effect.sleep(millis)),
    hold: (text) => (breaks && text === input ? Effect.never : Effect.void),
  })
  const gateway = yield* startPaying(nim, settings)
  const { accountId, accounts, authorization, faults, url } = gateway
  if (balance !== 1_000_000)
    yield* accounts.adjust({ accountId, amount: balance - 1_000_000, reason: "this test has less" })
  const hear = Effect.fnUntraced(function* (text: string, as = authorization) {
    const response = yield* postSpeech(url, { input: text, response_format: "pcm" }, { headers: { authorization: as } })
    const bytes = yield* Effect.promise(() => response.arrayBuffer())
    const code = response.ok ? undefined : JSON.parse(Buffer.from(bytes).toString()).error.code
    return { status: response.status, code, heard: response.ok && bytes.byteLength > 1_000 }
  })
  expect((yield* hear("The first.")).status).toBe(200)
  yield* gateway.settledBooks
  const granted = yield* Deferred.make<void>()
  faults.set("reserve", (run) => Effect.andThen(Deferred.await(granted), run))
  const reserving = Effect.map(gateway.books, ({ holds }) => holds.length === 2)
  const working = Effect.map(nim.calls, (calls) => calls.working)
  const spoken = Effect.map(working, (count) => count === 0 && nim.callsOf(input) === 1)
  return { ...gateway, nim, hear, grant: Deferred.succeed(granted, undefined), reserving, spoken, working }
})

const heardAll = { status: 200, code: undefined, heard: true }

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })(
  "BeginsBesideTheHold",
  (it) => {
    it.effect("the engine speaks while the hold is waited for, and nobody hears it before", () =>
      Effect.gen(function* () {
        const { books, grant, hear, spoken } = yield* opened()
        const asked = yield* Effect.forkChild(hear(input))
        expect(yield* becomes(spoken)).toBe(true)
        expect(asked.pollUnsafe()).toBeUndefined()
        expect((yield* books).holds).toEqual(["settled", "none"])
        yield* grant
        expect(yield* Fiber.join(asked)).toEqual(heardAll)
        expect((yield* books).entries.at(-1)).toBe("charge -40 MISS")
      }),
    )

    it.effect("who has money for less than a hundred waits for the hold first", () =>
      Effect.gen(function* () {
        // A first speech of 10, and then less than 100 of 40.
        const { grant, hear, nim, reserving } = yield* opened({ balance: 4_009 })
        const asked = yield* Effect.forkChild(hear(input))
        expect(yield* becomes(reserving)).toBe(true)
        yield* Effect.sleep("100 millis")
        expect(nim.callsOf(input)).toBe(0)
        yield* grant
        expect(yield* Fiber.join(asked)).toEqual(heardAll)
        expect(nim.callsOf(input)).toBe(1)
      }),
    )

    it.effect("where the hold is refused, the engine's work is called off, and the next one waits", () =>
      Effect.gen(function* () {
        const { accountId, accounts, books, grant, hear, nim, working } = yield* opened({ hangs: true })
        const asked = yield* Effect.forkChild(hear(input))
        expect(yield* becomes(Effect.map(working, (count) => count === 1))).toBe(true)
        yield* accounts.adjust({ accountId, amount: -999_980, reason: "it is gone" })
        yield* grant
        expect(yield* Fiber.join(asked)).toEqual({ status: 429, code: "insufficient_quota", heard: false })
        expect(yield* becomes(Effect.map(working, (count) => count === 0))).toBe(true)
        const { entries, held, holds } = yield* books
        expect({ entries, held, holds }).toEqual({
          entries: ["charge -10 MISS", "adjustment -999980"],
          held: 0,
          holds: ["settled", "none"],
        })
        expect((yield* hear(input)).status).toBe(429)
        expect(nim.callsOf(input)).toBe(1)
      }),
    )

    it.effect("who listens to the same and can pay hears all of it", () =>
      Effect.gen(function* () {
        const { accountId, accounts, grant, hear, nim } = yield* opened()
        // A second key of the account, of which nothing is known: it waits for its hold, and then joins what the first has begun.
        const { text } = yield* accounts.createKey({ accountId, name: "Limited", limits: { monthlyCap: 20 } })
        const limited = yield* Effect.forkChild(hear(input, `Bearer ${Redacted.value(text)}`))
        const asked = yield* Effect.forkChild(hear(input))
        yield* grant
        expect((yield* Fiber.join(limited)).status).toBe(429)
        expect(yield* Fiber.join(asked)).toEqual(heardAll)
        expect(nim.callsOf(input)).toBe(1)
      }),
    )

    it.effect("a client that leaves meanwhile frees the engine, and pays nothing", () =>
      Effect.gen(function* () {
        const { booksWhen, grant, hear, working } = yield* opened({ hangs: true })
        const asked = yield* Effect.forkChild(hear(input))
        expect(yield* becomes(Effect.map(working, (count) => count === 1))).toBe(true)
        yield* Fiber.interrupt(asked)
        expect(yield* becomes(Effect.map(working, (count) => count === 0))).toBe(true)
        yield* grant
        const { entries, held } = yield* booksWhen(({ holds }) => holds.length === 2 && !holds.includes("held"))
        expect({ entries, held }).toEqual({ entries: ["charge -10 MISS"], held: 0 })
      }),
    )

    it.effect("what is made by then is kept by nobody: it is not sold as a hit", () =>
      Effect.gen(function* () {
        const { accountId, accounts, grant, hear, spoken } = yield* opened()
        const asked = yield* Effect.forkChild(hear(input))
        expect(yield* becomes(spoken)).toBe(true)
        // Long enough to commit it.
        yield* Effect.sleep("300 millis")
        yield* accounts.adjust({ accountId, amount: -999_960, reason: "thirty are left, and a hit costs twenty" })
        yield* grant
        expect((yield* Fiber.join(asked)).status).toBe(429)
        expect((yield* hear(input)).status).toBe(429)
      }),
    )

    it.effect("what has begun to sound is over before its client is told that it cannot pay", () =>
      Effect.gen(function* () {
        const { accountId, accounts, grant, hear, nim, working } = yield* opened({ breaks: true })
        const asked = yield* Effect.forkChild(hear(input))
        expect(yield* becomes(Effect.sync(() => nim.callsOf(input) === 1))).toBe(true)
        yield* Effect.sleep("200 millis")
        yield* accounts.adjust({ accountId, amount: -999_980, reason: "it is gone" })
        yield* grant
        expect((yield* Fiber.join(asked)).status).toBe(429)
        expect(yield* becomes(Effect.map(working, (count) => count === 0))).toBe(true)
      }),
    )

    it.effect("neither free hits nor cheap transcriptions make an account sure that cannot pay for a speech", () =>
      Effect.gen(function* () {
        const { accountId, accounts, authorization, faults, hear, nim, url } = yield* opened()
        yield* accounts.publishRates({ ...rates, hitShare: 0 })
        faults.set("reserve", (run) => Effect.delay(run, "30 millis"))
        yield* accounts.adjust({ accountId, amount: -999_960, reason: "thirty are left" })
        // Found out by the first.
        yield* hear(input)
        const before = nim.callsOf(input)
        for (let round = 0; round < 3; round++) {
          expect((yield* hear("The first.")).status).toBe(200)
          expect((yield* hear(input)).status).toBe(429)
          const headers = { authorization }
          const body = new FormData()
          body.append("model", "whisper-1")
          body.append("file", new Blob([probe]), "probe.wav")
          const transcribed = yield* Effect.promise(() =>
            fetch(`${url}/v1/audio/transcriptions`, { method: "POST", headers, body }),
          )
          expect(transcribed.status).toBe(200)
          expect((yield* hear(input)).status).toBe(429)
        }
        expect(nim.callsOf(input)).toBe(before)
      }),
    )

    it.effect("where the ledger hangs and clients do not wait for it, the engine is asked once in vain", () =>
      Effect.gen(function* () {
        const { hear, nim, grant, url } = yield* opened()
        const listeners = Effect.promise(async () => {
          const text = await (await fetch(`${url}/metrics`)).text()
          return Number(/^aviary_flight_listeners (\d+)/m.exec(text)![1])
        })
        const texts = ["One of them.", "Another one.", "A third one."]
        for (const text of texts) {
          const asked = yield* Effect.forkChild(hear(text))
          yield* Effect.sleep("200 millis")
          yield* Fiber.interrupt(asked)
          expect(yield* becomes(Effect.map(listeners, (count) => count === 0))).toBe(true)
        }
        expect(texts.map((text) => nim.callsOf(text))).toEqual([1, 0, 0])
        yield* grant
      }),
    )

    it.effect("many who are refused at once leave room in the line for one who can pay", () =>
      Effect.gen(function* () {
        const { accountId, accounts, faults, hear } = yield* opened({
          settings: { magpieConcurrency: 1, queueLength: 4 },
          millis: 200,
        })
        const { id } = yield* accounts.open({ name: "Other", terms: { kind: "metered", monthlyCap: null } })
        const { text } = yield* accounts.createKey({ accountId: id, name: "Other" })
        faults.clear()
        expect((yield* hear("The first of the other.", `Bearer ${Redacted.value(text)}`)).status).toBe(200)
        yield* accounts.adjust({ accountId, amount: -999_980, reason: "it is gone" })
        faults.set("reserve", (run) => Effect.delay(run, "100 millis"))
        const texts = Array.from({ length: 20 }, (_, index) => `Nobody pays for this, number ${index}.`)
        const poor = yield* Effect.forkChild(Effect.forEach(texts, (one) => hear(one), { concurrency: "unbounded" }))
        yield* Effect.sleep("60 millis")
        expect(yield* hear(input, `Bearer ${Redacted.value(text)}`)).toEqual(heardAll)
        expect(new Set((yield* Fiber.join(poor)).map(({ code }) => code))).toEqual(new Set(["insufficient_quota"]))
      }),
    )
  },
)
