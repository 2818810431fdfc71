import { Effect } from "effect"
import { type AudioFormat, plannedSampleRate } from "../audio/format/AudioFormat.ts"
import { cacheKey } from "../cache/CacheKey.ts"
import type { TraitsOf } from "../health/Fleet.ts"
import { BlankText, SpeechError, TextTooLong, UnknownVoice, Unspeakable } from "./SpeechError.ts"
import type { SpeechRequest } from "./SpeechRequest.ts"
import { codePoints, normalise, speakableCharacters } from "./SpokenText.ts"
import type { VoiceList } from "./VoiceList.ts"

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

/** A voice that the last listing did not have. */
const voiceOf = Effect.fnUntraced(function* (wanted: string, voices: VoiceList["Service"]) {
  const { bases, resolve } = yield* voices.latest
  return resolve(wanted) ?? (yield* fail(new UnknownVoice({ voice: wanted, available: bases.map(({ id }) => id) })))
})

/** Decides what a request means with the engine that is there, or why it cannot be done. */
export const plan = Effect.fnUntraced(function* (
  request: SpeechRequest,
  engine: {
    readonly magpie: TraitsOf<"magpie">
    readonly voices: VoiceList["Service"]
    readonly maxCharacters: number
  },
) {
  const characters = codePoints(request.text)
  if (characters > engine.maxCharacters) {
    return yield* fail(new TextTooLong({ length: characters, limit: engine.maxCharacters }))
  }
  const text = normalise(request.text)
  if (text === "") return yield* fail(new BlankText())
  const index = yield* engine.voices.known
  const named = index.resolve(request.voice) ?? (yield* voiceOf(request.voice, engine.voices))
  const voice = request.instructions === undefined ? named : index.withEmotion(named, request.instructions)
  const language = request.language ?? voice.language ?? defaultLanguage
  const audible = engine.magpie.audible?.(text)
  if (audible !== undefined && speakableCharacters(audible) * 2 < speakableCharacters(text)) {
    return yield* fail(new Unspeakable({ voice: voice.id, language }))
  }
  return {
    text,
    characters,
    voice: voice.id,
    language,
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
    sampleRate: plannedSampleRate(planned.format, planned.sampleRate),
    speed: planned.speed,
    model: planned.model,
  })
