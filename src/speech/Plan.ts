import { Effect } from "effect"
import { type AudioFormat, defaultSampleRate } from "../audio/AudioFormat.ts"
import { collapseVoices, resolveVoice } from "../audio/Voice.ts"
import { cacheKey } from "../cache/CacheKey.ts"
import type { MagpieClient, MagpieError } from "../upstream/MagpieClient.ts"
import { BlankText, SpeechError, TextTooLong, UnknownVoice, Unsupported } from "./SpeechError.ts"
import type { SpeechRequest } from "./SpeechRequest.ts"
import { codePoints, normalise } from "./SpokenText.ts"

/**
 * A speech as it will be made: everything that decides its bytes, and nothing else.
 *
 * @property text normalised, not blank
 * @property characters of `text` as the client sent it, in code points
 * @property voice as the engine spells it
 * @property language BCP 47
 * @property sampleRate Hz; absent: what the format has by default
 */
export interface Plan {
  readonly text: string
  readonly characters: number
  readonly voice: string
  readonly language: string
  readonly speed: number
  readonly format: AudioFormat
  readonly sampleRate: number | undefined
  readonly model: string
}

/** What a voice without a locale in its name speaks. */
const defaultLanguage = "en-US"

const fail = (reason: SpeechError["reason"]) => Effect.fail(new SpeechError({ reason }))

/** Decides what a request means with the engine that is there, or why it cannot be done. */
export const plan = Effect.fnUntraced(function* (
  request: SpeechRequest,
  engine: {
    readonly magpie: MagpieClient["Service"]
    readonly voices: Effect.Effect<ReadonlyArray<string>, MagpieError>
    readonly maxCharacters: number
  },
) {
  const characters = codePoints(request.text)
  if (characters > engine.maxCharacters) {
    return yield* fail(new TextTooLong({ length: characters, limit: engine.maxCharacters }))
  }
  const text = normalise(request.text)
  if (text === "") return yield* fail(new BlankText())
  if (request.speed !== 1 && !engine.magpie.supportsSpeed) {
    return yield* fail(
      new Unsupported({
        param: "speed",
        message: `${engine.magpie.model} speaks at one speed. Leave speed out, or set it to 1.`,
      }),
    )
  }
  const ids = yield* engine.voices
  const voice = resolveVoice(request.voice, ids)
  if (voice === undefined) {
    return yield* fail(
      new UnknownVoice({ voice: request.voice, available: collapseVoices(ids).map((base) => base.id) }),
    )
  }
  return {
    text,
    characters,
    voice: voice.id,
    language: request.language ?? voice.language ?? defaultLanguage,
    speed: request.speed,
    format: request.format,
    sampleRate: request.sampleRate,
    model: engine.magpie.model,
  } satisfies Plan
})

/** Names the entry that a plan makes. MP3 that asks for no rate takes the engine's own, which the model decides. */
export const keyOf = (planned: Plan) =>
  cacheKey({
    text: planned.text,
    voice: planned.voice,
    language: planned.language,
    format: planned.format,
    sampleRate: planned.sampleRate ?? (planned.format === "mp3" ? 0 : defaultSampleRate),
    speed: planned.speed,
    model: planned.model,
  })
