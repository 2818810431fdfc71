import { Context, Effect, Layer, Stream } from "effect"
import type { Pcm } from "../audio/Pcm.ts"
import { noSounds, type Sounds } from "../audio/Sounds.ts"
import * as WorkerPool from "../workers/WorkerPool.ts"
import { EmbeddedError, embeddedError, EngineBroke, NoSuchVoice, NothingToSay, TookTooLong } from "./EmbeddedError.ts"
import { loadFlite } from "./FliteModule.ts"
import { FliteRpcs } from "./FliteRpcs.ts"
import { fliteMarkup } from "./FliteMarkup.ts"
import { sentences } from "./Sentences.ts"

/** Voice ids in Magpie's pattern, so that a locale can be read from them, and Flite's own names: three men, and SLT, a woman. */
export const fliteVoices = {
  "Flite.EN-US.SLT": "slt",
  "Flite.EN-US.RMS": "rms",
  "Flite.EN-US.AWB": "awb",
  "Flite.EN-US.KAL": "kal16",
} as const

/** How much louder each voice is made, in decibels, so that all are about as loud: -20 LUFS. They differed by 13. */
const gains = { slt: -4, rms: 1, awb: 0, kal16: 7 } as const

/** Hz of everything Flite says. */
const fliteSampleRate = 16_000

/** Time that one sentence may take. It takes half a second at most on an idle core. */
const sentenceLimit = 30_000

const chunkSamples = fliteSampleRate / 4

const make = Effect.fnUntraced(function* (threads: number) {
  const flite = yield* Effect.tryPromise({
    try: loadFlite,
    catch: (cause) =>
      new EmbeddedError({ reason: new EngineBroke({ message: `Flite cannot be loaded: ${String(cause)}` }) }),
  })
  const pool = yield* WorkerPool.make(FliteRpcs, {
    url: WorkerPool.workerUrl("FliteWorker", import.meta.url),
    size: threads,
    unresponsiveAfter: sentenceLimit,
    workerData: { flite },
  }).pipe(Effect.mapError(embeddedError))

  const say = (text: string, voice: string, ssml = false) =>
    pool
      .run((client) => client.Say({ text, voice, ssml }))
      .pipe(
        Effect.mapError(embeddedError),
        Effect.timeoutOrElse({
          duration: sentenceLimit,
          orElse: () => new EmbeddedError({ reason: new TookTooLong({ afterMillis: sentenceLimit }) }),
        }),
      )

  // The first call compiles what it runs, and takes four times as long.
  yield* Effect.replicateEffect(say("Ready.", "slt"), threads, { concurrency: threads })

  return Flite.of({
    voices: Object.keys(fliteVoices),
    speak: (text, voice, sounds = noSounds) =>
      Stream.suspend(() => {
        if (!isVoice(voice)) {
          return Stream.fail(
            new EmbeddedError({ reason: new NoSuchVoice({ voice, available: Object.keys(fliteVoices) }) }),
          )
        }
        const pieces = sentences(text)
        if (pieces.length === 0) return Stream.fail(new EmbeddedError({ reason: new NothingToSay({}) }))
        const markup = fliteMarkup(sounds)
        return Stream.fromIterable(pieces).pipe(
          Stream.rechunk(1),
          Stream.mapEffect(
            (piece) => {
              const marked = markup(piece)
              return say(marked ?? piece, fliteVoices[voice], marked !== undefined)
            },
            { concurrency: 2 },
          ),
          Stream.flatMap((bytes) => Stream.fromIterable(chunks(louder(bytes, gains[fliteVoices[voice]])))),
        )
      }),
  })
})

/**
 * CMU Flite, a classic synthesizer of English, in threads of this process.
 *
 * `speak`: chunks of at most 250 ms, while later sentences are still being made; never more than three sentences ahead of
 * the reader. `sounds` says of words how they sound; what Flite has no sounds for is read as it is written. Interrupting the stream drops what has not begun.
 */
export class Flite extends Context.Service<
  Flite,
  {
    readonly voices: ReadonlyArray<string>
    readonly speak: (text: string, voice: string, sounds?: Sounds) => Stream.Stream<Pcm, EmbeddedError>
  }
>()("aviary/embedded/Flite") {
  /** `threads` sentences are made at a time. They have started, and spoken once, when the layer is built. */
  static readonly layerThreads = (threads: number) => Layer.effect(Flite, make(threads))

  /** Two threads. */
  static readonly layer = Flite.layerThreads(2)
}

const isVoice = (voice: string): voice is keyof typeof fliteVoices => Object.hasOwn(fliteVoices, voice)

/** The samples of `bytes`, made louder in place; what would pass the range stays at its edge. */
const louder = (bytes: Uint8Array<ArrayBuffer>, decibels: number): Int16Array<ArrayBuffer> => {
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 1)
  const factor = 10 ** (decibels / 20)
  for (let i = 0; i < samples.length; i += 1) {
    samples[i] = Math.max(-32_768, Math.min(32_767, Math.round(samples[i]! * factor)))
  }
  return samples
}

function* chunks(samples: Int16Array<ArrayBuffer>): Generator<Pcm> {
  for (let at = 0; at < samples.length; at += chunkSamples) {
    yield { sampleRate: fliteSampleRate, samples: samples.subarray(at, at + chunkSamples) }
  }
}
