import { Effect, Option, Sink, Stream } from "effect"
import type { Pcm } from "../audio/Pcm.ts"
import { makeResampler } from "../audio/Resampler.ts"
import { wavHeader } from "../audio/WavHeader.ts"
import type { NimEngines } from "./NimEngines.ts"
import { missing, type NimForm } from "./NimForm.ts"
import { NimRefusal, type NimReply, pause } from "./NimReply.ts"

/** What the NIM takes at most, in its own normalised characters. Ours does not normalise. */
const maxCharacters = 2_000

/** A synthesis as the form asked for it. */
export interface NimUtterance {
  readonly text: string
  readonly voice: string
  readonly language: string
  readonly sampleRate: number
}

const refuse = (detail: string) => new NimRefusal({ status: 400, detail })

/** Reads the fields `text`, `voice`, `language`, `sample_rate_hz` and `encoding`. */
export const readUtterance = Effect.fnUntraced(function* (
  { fields }: NimForm,
  { voices }: NimEngines["Service"],
): Effect.fn.Return<NimUtterance, NimRefusal> {
  const { encoding = "LINEAR_PCM", language, sample_rate_hz = "22050", text, voice = voices[0] ?? "" } = fields
  if (text === undefined) return yield* missing("text")
  if (language === undefined) return yield* missing("language")
  if (text.trim() === "") return yield* refuse("Input text is empty")
  if (Array.from(text).length > maxCharacters) return yield* refuse(`Input text exceeds ${maxCharacters} characters`)
  if (encoding !== "LINEAR_PCM") return yield* refuse(`Unsupported encoding ${encoding}`)
  const sampleRate = Number(sample_rate_hz)
  if (!Number.isInteger(sampleRate) || sampleRate < 8_000 || sampleRate > 48_000)
    return yield* refuse(`Unsupported sample rate ${sample_rate_hz}`)
  // Case-sensitive, as the real one is.
  if (!voices.includes(voice)) return yield* refuse("Model is not available on server: subvoice requested not found")
  return { text, voice, language, sampleRate }
})

const bytesOf = ({ buffer, byteLength, byteOffset }: Int16Array) => new Uint8Array(buffer, byteOffset, byteLength)

const resampled = (pcm: Stream.Stream<Pcm, unknown>, sampleRate: number): Stream.Stream<Uint8Array, unknown> =>
  Stream.suspend(() => {
    let resampler: ReturnType<typeof makeResampler> | undefined
    const tail = Stream.suspend(() => (resampler === undefined ? Stream.empty : Stream.succeed(resampler.flush())))
    return pcm.pipe(
      Stream.map((chunk) => (resampler ??= makeResampler(chunk.sampleRate, sampleRate)).process(chunk.samples)),
      Stream.concat(tail),
      Stream.filter((samples) => samples.length > 0),
      Stream.map(bytesOf),
    )
  })

/** No chunk leaves before the ones ahead of it have been heard. */
const paced = (body: Stream.Stream<Uint8Array, unknown>, sampleRate: number) =>
  Stream.suspend(() => {
    let start = 0
    let bytes = 0
    return Stream.tap(body, ({ length }) => {
      if (start === 0) start = performance.now()
      const due = start + (bytes / 2 / sampleRate) * 1000
      bytes += length
      return pause(Math.max(0, due - performance.now()))
    })
  })

const speak = (engines: NimEngines["Service"], utterance: NimUtterance, realTime: boolean) => {
  const body = resampled(engines.synthesize(utterance), utterance.sampleRate)
  return realTime ? paced(body, utterance.sampleRate) : body
}

/**
 * `synthesize_online`: headerless samples as they are made, once the first are there, so that a failure before them has
 * a status. The hosted NIM names no content type, nor does this.
 */
export const online = Effect.fnUntraced(function* (
  engines: NimEngines["Service"],
  utterance: NimUtterance,
  realTime: boolean,
  wav: boolean,
) {
  const [first, rest] = yield* Stream.peel(speak(engines, utterance, realTime), Sink.head())
  const header = wav ? [wavHeader(utterance.sampleRate)] : []
  return {
    contentType: undefined,
    length: undefined,
    body: Stream.concat(Stream.fromIterable([...header, ...Option.toArray(first)]), rest),
  } satisfies NimReply
})

/** `synthesize`: a whole WAV. */
export const batch = Effect.fnUntraced(function* (
  engines: NimEngines["Service"],
  utterance: NimUtterance,
  realTime: boolean,
) {
  const samples = Buffer.concat(yield* Stream.runCollect(speak(engines, utterance, realTime)))
  const wav = Buffer.concat([wavHeader(utterance.sampleRate, samples.length), samples])
  return { contentType: "audio/wav", length: wav.length, body: Stream.succeed(new Uint8Array(wav)) } satisfies NimReply
})
