import { Effect } from "effect"
import { type AudioFormat, plannedSampleRate } from "../audio/format/AudioFormat.ts"
import { noSounds, type Sounds, sounding } from "../audio/Sounds.ts"
import { cacheKey } from "../cache/CacheKey.ts"
import type { TraitsOf } from "../health/Fleet.ts"
import { BlankText, SpeechError, TextTooLong, UnknownVoice, Unspeakable } from "./SpeechError.ts"
import type { Pronunciations } from "./Pronunciations.ts"
import type { Speakable } from "./speakable/Speakable.ts"
import type { SpeechRequest } from "./SpeechRequest.ts"
import { codePoints, normalise, speakableCharacters } from "./SpokenText.ts"
import { isSsml, soundsOfSsml, withoutSsml } from "../audio/Ssml.ts"
import type { VoiceList } from "./VoiceList.ts"

/**
 * A speech as it will be made: everything that decides its bytes, and nothing else.
 *
 * @property text what is spoken, normalised; without a letter or a digit it is a short silence
 * @property sounds of words of `text`, all of which the engine takes
 * @property rewritten what is spoken, where that is not what was sent
 * @property characters of `text` as the client sent it, in code points
 * @property voice as the engine spells it
 * @property language BCP 47
 * @property sampleRate Hz; absent: what the format has by default
 */
export interface Plan {
  readonly text: string
  readonly sounds: Sounds
  readonly rewritten: string | undefined
  readonly characters: number
  readonly voice: string
  readonly language: string
  readonly speed: number
  readonly format: AudioFormat
  readonly sampleRate: number | undefined
  readonly model: string
}

/** What decides how a text is read. */
interface Reader {
  readonly magpie: TraitsOf<"magpie">
  readonly speakable: Speakable["Service"]
  readonly speakableByDefault: "on" | "off"
  readonly pronunciations: Pronunciations["Service"]
}

/** What a voice without a locale in its name speaks. */
const defaultLanguage = "en-US"

const fail = (reason: SpeechError["reason"]) => Effect.fail(new SpeechError({ reason }))

/** A voice that the last listing did not have. */
const voiceOf = Effect.fnUntraced(function* (wanted: string, voices: VoiceList["Service"]) {
  const { bases, resolve } = yield* voices.latest
  return resolve(wanted) ?? (yield* fail(new UnknownVoice({ voice: wanted, available: bases.map(({ id }) => id) })))
})

/** The text as it is spoken. An SSML document is the client's own word on that: it stays whole for an engine that takes it. */
const spokenText = (request: SpeechRequest, sent: string, language: string, engine: Reader) => {
  if (isSsml(request.text)) {
    if (engine.magpie.supportsSsml === true) return Effect.succeed({ text: sent, sounds: noSounds })
    const taken = [...soundsOfSsml(request.text)].filter(([, ipa]) => engine.magpie.takesIpa?.(ipa) === true)
    return Effect.succeed({ text: normalise(withoutSsml(request.text)), sounds: new Map(taken) })
  }
  if ((request.speakable ?? engine.speakableByDefault) === "off") return engine.pronunciations.read(sent, engine.magpie)
  return Effect.flatMap(engine.speakable.read(request.text, language), (read) =>
    engine.pronunciations.read(read === request.text ? sent : normalise(read), engine.magpie),
  )
}

/** Decides what a request means with the engine that is there, or why it cannot be done. */
export const plan = Effect.fnUntraced(function* (
  request: SpeechRequest,
  engine: Reader & { readonly voices: VoiceList["Service"]; readonly maxCharacters: number },
) {
  const characters = codePoints(request.text)
  if (characters > engine.maxCharacters) {
    return yield* fail(new TextTooLong({ length: characters, limit: engine.maxCharacters }))
  }
  const sent = normalise(request.text)
  if (sent === "") return yield* fail(new BlankText())
  const index = yield* engine.voices.known
  const named = index.resolve(request.voice) ?? (yield* voiceOf(request.voice, engine.voices))
  const voice = request.instructions === undefined ? named : index.withEmotion(named, request.instructions)
  const language = request.language ?? voice.language ?? defaultLanguage
  const { sounds, text } = yield* spokenText(request, sent, language, engine)
  const audible = engine.magpie.audible?.(text)
  if (audible !== undefined && speakableCharacters(audible) * 2 < speakableCharacters(text)) {
    return yield* fail(new Unspeakable({ voice: voice.id, language }))
  }
  return {
    text,
    sounds,
    rewritten: text === sent && sounds.size === 0 ? undefined : sounding(text, sounds),
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
    sounds: planned.sounds,
  })
