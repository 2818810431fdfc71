import { readFile } from "node:fs/promises"
import { Context, Effect, Layer, Stream } from "effect"
import type { Pcm } from "../../src/audio/Pcm.ts"
import { NimEngineError, NimEngines } from "../../src/nim/NimEngines.ts"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { type NimCalls, NimFaults } from "../../src/nim/NimFaults.ts"
import type { NimOptions } from "../../src/nim/NimRoutes.ts"
import { NimServer } from "../../src/nim/NimServer.ts"

/** Hz of the fake voice: Magpie's own. */
export const fakeSampleRate = 22_050

/** Samples of the fake voice per code point: 70 ms, about what a human takes. */
export const fakeSamplesPerCharacter = 1_544

const speakers = {
  "EN-US": ["Mia", "Jason", "Aria", "Leo", "Sofia"],
  "ES-US": ["Diego", "Isabela", "Mia", "Jason", "Aria"],
  "FR-FR": ["Pascal", "Louise", "Mia", "Jason", "Aria"],
  "DE-DE": ["Leo", "Sofia", "Mia", "Jason", "Aria"],
  "ZH-CN": ["HouZhen", "Siwei", "Mia", "Jason", "Aria"],
  "VI-VN": ["Long", "Phung", "Mia", "Jason", "Aria"],
  "IT-IT": ["Leo", "Sofia", "Mia", "Jason", "Aria"],
  "HI-IN": ["Ray", "Sofia", "Mia", "Jason", "Aria"],
  "JA-JP": ["Ray", "Sofia", "Mia", "Jason", "Aria"],
}
const emotions = ["", ".Neutral", ".Calm", ".Angry", ".Happy", ".Sad"]

/** As many as a Magpie lists: nine locales, five speakers each, with their emotions. */
export const fakeVoices = Object.entries(speakers).flatMap(([locale, names]) =>
  names.flatMap((name) => emotions.map((emotion) => `Magpie-Multilingual.${locale}.${name}${emotion}`)),
)

const utter = (character: string, voice: string): Pcm => {
  const pitch = 120 + ((character.codePointAt(0)! * 7 + voice.length * 13) % 400)
  return {
    sampleRate: fakeSampleRate,
    samples: Int16Array.from({ length: fakeSamplesPerCharacter }, (_, i) =>
      Math.round(8_000 * Math.sin((2 * Math.PI * pitch * i) / fakeSampleRate)),
    ),
  }
}

/**
 * Engines that need no model: every code point is a tone of 70 ms whose pitch is its own, made at once; every WAV is
 * heard as `heard <milliseconds> milliseconds`, every Ogg or FLAC file as `heard <bytes> bytes`.
 */
export const fakeEngines = Layer.succeed(NimEngines, {
  speechModel: "fake-magpie",
  transcriptionModel: "fake-parakeet",
  voices: fakeVoices,
  languages: ["en-US", "es-US", "de-DE"],
  synthesize: ({ text, voice }) =>
    Stream.fromIterable(Array.from(text)).pipe(
      Stream.rechunk(1),
      Stream.map((character) => utter(character, voice)),
    ),
  transcribe: Effect.fnUntraced(function* (path: string) {
    const bytes = yield* Effect.tryPromise({
      try: () => readFile(path),
      catch: (cause) => new NimEngineError({ message: String(cause), clientFault: false }),
    })
    return bytes.toString("latin1", 0, 4) === "RIFF"
      ? `heard ${Math.round((bytes.length - 44) / 32)} milliseconds`
      : `heard ${bytes.length} bytes`
  }),
})

/**
 * A NIM on a free loopback port, with faults to switch on. Faults and delays run in real time even under a TestClock.
 *
 *     layer(NimTest.layer)("…", (it) => {
 *       it.live("…", () => Effect.gen(function* () {
 *         const nim = yield* NimTest
 *         yield* nim.setFaults([{ kind: "cut", afterBytes: 4_096, times: 1 }])
 *         // … MagpieClient.layerNim(nim.url), or the gateway with AVIARY_MAGPIE_URL: nim.url.href
 *         expect((yield* nim.calls).routes.synthesize_online.started).toBe(1)
 *       }))
 *     })
 *
 * - `url`: base URL of both engines.
 * - `setFaults`: in place of those before; `[]` for none. See `NimFault`. A wedge that has struck stays until `restart`.
 * - `restart`: cuts open calls, ends a wedge, then loads for so many milliseconds.
 * - `calls`: per route `started`, `finished` (answered whole), `aborted` (the client or a cut ended it); `working`: calls
 *   the engine is busy with now, which drops once a client's leaving has arrived; `restarts`; `lastFirstByteAt`.
 */
export class NimTest extends Context.Service<
  NimTest,
  {
    readonly url: URL
    readonly setFaults: (faults: ReadonlyArray<NimFault>) => Effect.Effect<void>
    readonly restart: (loadingMillis?: number) => Effect.Effect<void>
    readonly calls: Effect.Effect<NimCalls>
  }
>()("aviary/test/NimTest") {
  /** With `fakeEngines`, fast and the same every time; `options` default to both engines, no pacing. */
  static readonly layerWith = <E, R>(engines: Layer.Layer<NimEngines, E, R>, options: Partial<NimOptions> = {}) =>
    Layer.effect(
      NimTest,
      Effect.gen(function* () {
        const { url } = yield* NimServer
        const faults = yield* NimFaults
        return {
          url,
          setFaults: faults.set,
          restart: (loadingMillis = 0) => faults.restart(loadingMillis),
          calls: faults.calls,
        }
      }),
    ).pipe(
      Layer.provide(
        NimServer.layer({ serve: "both", realTime: false, faults: true, host: "127.0.0.1", port: 0, ...options }),
      ),
      Layer.provide(NimFaults.layer),
      Layer.provide(engines),
    )

  static readonly layer = NimTest.layerWith(fakeEngines)

  /** Speech leaves as fast as it is heard. */
  static readonly layerRealTime = NimTest.layerWith(fakeEngines, { realTime: true })
}
