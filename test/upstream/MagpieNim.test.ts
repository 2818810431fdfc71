import { expect, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule, Stream } from "effect"
import { NimEngines } from "../../src/nim/NimEngines.ts"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { Settings } from "../../src/Settings.ts"
import type { EngineFailure } from "../../src/upstream/EngineFailure.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { fakeEngines, fakeSampleRate, fakeSamplesPerCharacter, fakeVoices, NimTest } from "../support/nim.ts"

// Against a real server over loopback: what is promised here is about bytes and connections.
// The clocks are generous, but for the one that a test waits for: this machine may be busy.
const clientWith = (clocks: Parameters<typeof Settings.layerTest>[0]) =>
  Layer.unwrap(Effect.map(NimTest, ({ url }) => MagpieClient.layerNim(url))).pipe(
    Layer.provide(Settings.layerTest(clocks)),
  )

const utterance = { text: "Hello there.", voice: "Magpie-Multilingual.EN-US.Mia", language: "en-US", speed: 1 }
const whole = utterance.text.length * fakeSamplesPerCharacter

/** What was heard before it ended, and how it ended. */
const speak = Effect.fnUntraced(function* (overrides: Partial<typeof utterance> = {}) {
  const magpie = yield* MagpieClient
  let samples = 0
  const rates = new Set<number>()
  const failure = yield* magpie.synthesize({ ...utterance, ...overrides }).pipe(
    Stream.runForEach((pcm) =>
      Effect.sync(() => {
        samples += pcm.samples.length
        rates.add(pcm.sampleRate)
      }),
    ),
    Effect.as(undefined),
    Effect.catch((error) => Effect.succeed<EngineFailure>(error.reason)),
  )
  return { samples, rates: [...rates], failure }
})

/** A client of its own, which remembers nothing, at a NIM with nothing but `faults`. */
const withFaults = <A, E>(
  faults: ReadonlyArray<NimFault>,
  run: Effect.Effect<A, E, MagpieClient | NimTest>,
  clocks: Parameters<typeof clientWith>[0] = {},
) =>
  Effect.gen(function* () {
    const nim = yield* NimTest
    yield* nim.restart()
    yield* nim.setFaults(faults)
    return yield* run.pipe(Effect.provide(clientWith(clocks)), Effect.ensuring(nim.setFaults([])))
  })

/** Waits until the engine works on so many calls. The fault of a test never lets it end one by itself. */
const working = (nim: NimTest["Service"], calls: number) =>
  Effect.map(nim.calls, ({ working }) => working).pipe(
    Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (working) => working === calls }),
    Effect.timeout("1 minute"),
  )

const isIdle = (nim: NimTest["Service"]) => working(nim, 0)

layer(NimTest.layer, { excludeTestServices: true })("MagpieClient.layerNim", (it) => {
  it.effect("gives every sample at the rate it asked for", () =>
    withFaults(
      [],
      Effect.gen(function* () {
        expect(yield* speak()).toEqual({ samples: whole, rates: [fakeSampleRate], failure: undefined })
      }),
    ),
  )

  it.effect("lists the voices of every locale once", () =>
    withFaults(
      [],
      Effect.gen(function* () {
        const voices = yield* (yield* MagpieClient).voices
        expect(voices).toEqual(fakeVoices)
        expect(new Set(voices.map((id) => id.split(".")[1])).size).toBe(9)
      }),
    ),
  )

  it.effect("loses no sample where chunks split them", () =>
    withFaults(
      [{ kind: "oddChunks" }],
      Effect.gen(function* () {
        expect(yield* speak()).toMatchObject({ samples: whole, failure: undefined })
      }),
    ),
  )

  it.effect("reads a WAV where headerless samples were promised", () =>
    withFaults(
      [{ kind: "wav" }],
      Effect.gen(function* () {
        expect(yield* speak()).toEqual({ samples: whole, rates: [fakeSampleRate], failure: undefined })
      }),
    ),
  )

  const failures: ReadonlyArray<readonly [string, NimFault, number, Record<string, unknown>]> = [
    ["closed before its head", { kind: "cut", afterBytes: 0 }, 0, { _tag: "EngineUnreachable" }],
    ["reset before its head", { kind: "cut", afterBytes: 0, reset: true }, 0, { _tag: "EngineUnreachable" }],
    ["closed without its last chunk", { kind: "cut", afterBytes: 4_096 }, 2_048, { _tag: "EngineCut" }],
    ["reset in the middle", { kind: "cut", afterBytes: 4_096, reset: true }, 2_048, { _tag: "EngineCut" }],
    ["ended within a sample", { kind: "shorten", afterBytes: 4_097 }, 2_048, { _tag: "EngineMalformed" }],
    ["with a broken status line", { kind: "badStatusLine" }, 0, { _tag: "EngineMalformed" }],
    [
      "refused",
      { kind: "reject", status: 400, body: `{"detail":"no such voice"}` },
      0,
      { _tag: "EngineRejected", status: 400, message: "no such voice" },
    ],
    [
      "of a wedged engine",
      { kind: "wedge" },
      0,
      { _tag: "EngineRejected", status: 500, body: expect.stringContaining("CUDA error: an illegal memory access") },
    ],
    [
      "of a wedge that calls itself the client's fault",
      { kind: "wedge", status: 422 },
      0,
      { _tag: "EngineRejected", status: 422, body: expect.stringContaining("CUDA error") },
    ],
    [
      "of an engine that still loads",
      { kind: "loading" },
      0,
      { _tag: "EngineLoading", message: "NIM is still initializing" },
    ],
    [
      "503 about its GPU",
      { kind: "reject", status: 503, body: `{"detail":"CUDA error: device-side assert triggered"}` },
      0,
      { _tag: "EngineRejected", status: 503 },
    ],
    [
      "whose end nobody could tell from a broken connection",
      { kind: "closeDelimited" },
      0,
      { _tag: "EngineMalformed", message: expect.stringContaining("neither a length nor chunks") },
    ],
    [
      "that is a web page",
      { kind: "mislabel", as: "html" },
      0,
      { _tag: "EngineMalformed", message: "answered text/html instead of audio: 502 Bad Gateway" },
    ],
    [
      "that is a JSON error under 200",
      { kind: "mislabel", as: "json" },
      0,
      { _tag: "EngineMalformed", message: expect.stringContaining("the synthesis failed") },
    ],
  ]
  for (const [answer, fault, samples, failure] of failures) {
    it.effect(`tells ${failure["_tag"] as string} of an answer ${answer}`, () =>
      withFaults(
        [fault],
        Effect.gen(function* () {
          const heard = yield* speak()
          expect(heard.failure).toMatchObject(failure)
          expect(heard.samples).toBe(samples)
        }),
      ),
    )
  }

  for (const [what, fault, clocks, samples, failure] of [
    ["first byte", { kind: "hang" }, { firstByteTimeout: "300 millis" }, 0, { phase: "first byte", afterMillis: 300 }],
    [
      "silence in the middle",
      { kind: "hang", afterBytes: 4_096 },
      { idleTimeout: "300 millis" },
      2_048,
      { phase: "idle", afterMillis: 300 },
    ],
    [
      "whole time, for an answer that never begins",
      { kind: "hang" },
      { magpieTimeout: "300 millis" },
      0,
      { phase: "total", afterMillis: 300 },
    ],
  ] as const) {
    it.effect(`limits the ${what}`, () =>
      withFaults(
        [fault],
        Effect.gen(function* () {
          const heard = yield* speak()
          expect(heard.failure).toMatchObject({ _tag: "EngineTimedOut", ...failure })
          expect(heard.samples).toBe(samples)
        }),
        clocks,
      ),
    )
  }

  it.effect("limits the whole time of an answer that trickles", () =>
    withFaults(
      [{ kind: "slow", millis: 400 }],
      Effect.gen(function* () {
        const { failure, samples } = yield* speak()
        expect(failure).toMatchObject({ _tag: "EngineTimedOut", phase: "total", afterMillis: 1_500 })
        expect(samples).toBeGreaterThan(0)
        expect(samples).toBeLessThan(whole)
      }),
      { magpieTimeout: "1500 millis", idleTimeout: "1400 millis" },
    ),
  )

  it.effect("does not count a slow reader's time as the engine's silence", () =>
    withFaults(
      [],
      Effect.gen(function* () {
        const magpie = yield* MagpieClient
        let samples = 0
        yield* magpie.synthesize({ ...utterance, text: "a".repeat(200) }).pipe(
          Stream.runForEach((pcm) =>
            Effect.suspend(() => {
              const first = samples === 0
              samples += pcm.samples.length
              return first ? Effect.sleep("1200 millis") : Effect.void
            }),
          ),
        )
        expect(samples).toBe(200 * fakeSamplesPerCharacter)
      }),
      { idleTimeout: "1 second" },
    ),
  )

  it.effect("leaves the engine when it is interrupted", () =>
    withFaults(
      [{ kind: "hang", afterBytes: 4_096 }],
      Effect.gen(function* () {
        const nim = yield* NimTest
        const before = (yield* nim.calls).routes.synthesize_online.aborted
        const magpie = yield* MagpieClient
        const heard = yield* Stream.runHead(magpie.synthesize(utterance)).pipe(Effect.timeout("1 minute"))
        expect(heard._tag).toBe("Some")
        yield* isIdle(nim)
        const waiting = yield* Effect.forkChild(speak({ text: "and again" }))
        yield* working(nim, 1)
        yield* Fiber.interrupt(waiting)
        yield* isIdle(nim)
        expect((yield* nim.calls).routes.synthesize_online.aborted).toBe(before + 2)
      }),
    ),
  )

  for (const status of [404, 405, 501]) {
    it.effect(`takes the whole-WAV route where the streaming one answers ${status}, and remembers it`, () =>
      withFaults(
        [{ kind: "reject", status, body: "", route: "synthesize_online" }],
        Effect.gen(function* () {
          const nim = yield* NimTest
          const before = (yield* nim.calls).routes
          expect(yield* speak()).toEqual({ samples: whole, rates: [fakeSampleRate], failure: undefined })
          expect((yield* speak()).samples).toBe(whole)
          const after = (yield* nim.calls).routes
          expect(after.synthesize_online.started - before.synthesize_online.started).toBe(1)
          expect(after.synthesize.started - before.synthesize.started).toBe(2)
        }),
      ),
    )
  }

  it.effect("takes a WAV that ends with the connection, since its header has its length", () =>
    withFaults(
      [{ kind: "reject", status: 404, route: "synthesize_online" }, { kind: "closeDelimited" }],
      Effect.gen(function* () {
        expect(yield* speak()).toMatchObject({ samples: whole, failure: undefined })
      }),
    ),
  )

  it.effect("goes back to the streaming route when the other one is gone", () =>
    withFaults(
      [{ kind: "reject", status: 404, route: "synthesize_online", times: 1 }],
      Effect.gen(function* () {
        const nim = yield* NimTest
        yield* speak()
        yield* nim.setFaults([{ kind: "reject", status: 404, route: "synthesize" }])
        const before = (yield* nim.calls).routes.synthesize.started
        expect((yield* speak()).samples).toBe(whole)
        expect((yield* speak()).samples).toBe(whole)
        expect((yield* nim.calls).routes.synthesize.started - before).toBe(1)
      }),
    ),
  )

  it.effect("tells of a 404 that both routes give", () =>
    withFaults(
      [{ kind: "reject", status: 404, body: `{"detail":"no such model"}` }],
      Effect.gen(function* () {
        expect((yield* speak()).failure).toMatchObject({
          _tag: "EngineRejected",
          status: 404,
          message: "no such model",
        })
      }),
    ),
  )

  for (const [how, fault] of [
    ["cut short of its length", { kind: "cut", afterBytes: 4_096, route: "synthesize" }],
    ["ended before the samples its header announces", { kind: "shorten", afterBytes: 4_096, route: "synthesize" }],
    ["ended within its header", { kind: "shorten", afterBytes: 44, route: "synthesize" }],
  ] as const) {
    it.effect(`tells EngineCut of a WAV ${how}`, () =>
      withFaults(
        [{ kind: "reject", status: 404, route: "synthesize_online" }, fault],
        Effect.gen(function* () {
          expect((yield* speak()).failure).toMatchObject({ _tag: "EngineCut" })
        }),
      ),
    )
  }

  it.effect("asks for a language with its region, which a NIM knows only", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const listening = Layer.effect(
        NimEngines,
        Effect.map(NimEngines, (engines) => ({
          ...engines,
          synthesize: (given) => {
            asked.push(given.language)
            return engines.synthesize(given)
          },
        })),
      ).pipe(Layer.provide(fakeEngines))
      yield* Effect.forEach(["en", "es", "de-DE"], (language) => speak({ language })).pipe(
        Effect.provide(clientWith({}).pipe(Layer.provide(NimTest.layerWith(listening)))),
      )
      expect(asked).toEqual(["en-US", "es-US", "de-DE"])
    }),
  )

  it.effect("relays what the engine says of an unknown voice", () =>
    withFaults(
      [],
      Effect.gen(function* () {
        expect((yield* speak({ voice: "Magpie-Multilingual.en-US.Mia" })).failure).toMatchObject({
          _tag: "EngineRejected",
          status: 400,
          message: "Model is not available on server: subvoice requested not found",
        })
      }),
    ),
  )

  it.effect("is ready by status, and loading while the engine answers 503", () =>
    withFaults(
      [],
      Effect.gen(function* () {
        const nim = yield* NimTest
        const magpie = yield* MagpieClient
        yield* magpie.ready
        yield* nim.restart(3_600_000)
        expect((yield* Effect.flip(magpie.ready)).reason._tag).toBe("EngineLoading")
        expect((yield* Effect.flip(magpie.voices)).reason._tag).toBe("EngineLoading")
        // Which takes away its loading as well.
        yield* nim.setFaults([])
        yield* magpie.ready
      }),
    ),
  )
})
