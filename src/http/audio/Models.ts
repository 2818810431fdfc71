import { Clock, Context, Duration, Effect, Layer, Option } from "effect"
import { Api } from "../../contract/Api.ts"
import type { ApiError } from "../../contract/ApiError.ts"
import type { ListedVoice } from "../../contract/AudioGroup.ts"
import type { EngineKind } from "../../upstream/EngineKind.ts"
import { makeAnswer } from "../ErrorAnswers.ts"
import { Errors } from "../../contract/Errors.ts"
import { Fleet } from "../../health/Fleet.ts"
import { LiveSettings } from "../../LiveSettings.ts"
import type { Model } from "../../contract/ModelsGroup.ts"
import { handlersOf } from "../RequestContext.ts"
import { withoutSecrets } from "../../telemetry/Secrets.ts"
import type { VoiceIndex } from "../../audio/VoiceIndex.ts"
import { VoiceList } from "../../speech/VoiceList.ts"

/** How long a listing waits for Magpie before it leaves the voices out. */
const patience = Duration.seconds(2)

/** OpenAI's names for what Magpie does; clients send them unasked. Dated ones, such as `gpt-4o-mini-tts-2025-12-15`, count too. */
const speaks = /^(tts-1|tts-1-hd|gpt-4o-mini-tts)(-\d{4}(-\d{2}-\d{2})?)?$/i

/** The same for Parakeet. */
const transcribes =
  /^(whisper-1|gpt-transcribe|gpt-4o-transcribe|gpt-4o-transcribe-diarize|gpt-4o-mini-transcribe|gpt-live-transcribe|gpt-realtime-whisper)(-\d{4}-\d{2}-\d{2})?$/i

/** What is told of them to who asks for another: the undated ones that clients know best. */
const openAiNames = { tts: ["tts-1", "tts-1-hd", "gpt-4o-mini-tts"], stt: ["whisper-1", "gpt-4o-transcribe"] } as const

/** Every name that a Parakeet goes by, with or without its owner. */
const parakeets = /^(nvidia\/)?parakeet\b/i

/** What other servers call models of the same trade; their clients send it unasked. */
const others = {
  tts: /^([\w-]+\/)?(kokoro|piper|xtts)([-_.]|$)/i,
  stt: /^([\w-]+\/)?(faster-)?(distil-)?whisper(-(tiny|base|small|medium|large|turbo)([-.][\w.-]+)?)?$/i,
} as const

/** The base voices, each with OpenAI's names for it. */
const listedVoices = ({ aliases, bases }: VoiceIndex): ReadonlyArray<ListedVoice> =>
  bases.map(({ id, language, speaker, variants }) => ({
    id,
    name: language === undefined ? speaker : `${speaker} (${language})`,
    language: language ?? null,
    aliases: Array.from(aliases).flatMap(([alias, base]) => (base === id ? [alias] : [])),
    variants,
  }))

/** The operator's own names, as they are now, each in lower case with what it stands for. */
const namesIn = (live: LiveSettings["Service"]) => {
  const read = (of: Readonly<Record<string, string>>) => ({
    of,
    names: new Map(Object.entries(of).map(([alias, name]) => [alias.toLowerCase(), name])),
  })
  let own = read({})
  return (): ReadonlyMap<string, string> => {
    const { models } = live.now()
    if (own.of !== models) own = read(models)
    return own.names
  }
}

const make = Effect.gen(function* () {
  const fleet = yield* Fleet
  // A server may say only later what its model is.
  const modelsOf = (kind: EngineKind) => Array.from(new Set(fleet.of(kind).map(({ client }) => client.model)))
  const first = (kind: EngineKind) => fleet.traits(kind).model
  const voiceList = yield* VoiceList
  const created = Math.floor((yield* Clock.currentTimeMillis) / 1000)

  /** None: Magpie did not say. */
  const known: Effect.Effect<Option.Option<VoiceIndex>> = voiceList.known.pipe(
    Effect.timeoutOption(patience),
    Effect.catch(() => Effect.succeedNone),
  )
  const voices = Effect.map(known, (found) => (Option.isSome(found) ? listedVoices(found.value) : []))

  const model = (id: string, kind: Model["kind"]): Model => ({
    id,
    object: "model",
    created,
    owned_by: "aviary",
    kind,
    shutdown_date: null,
  })
  const live = yield* LiveSettings
  const ownNames = namesIn(live)
  /** What one of the operator's names stands for; any other as it is. */
  const meant = (id: string) => ownNames().get(id.toLowerCase()) ?? id
  const is = (id: string, name: string) => id.toLowerCase() === name.toLowerCase()
  const isSpeech = (id: string) =>
    speaks.test(id) || others.tts.test(id) || modelsOf("magpie").some((name) => is(id, name))
  const isTranscription = (id: string) =>
    transcribes.test(id) ||
    parakeets.test(id) ||
    others.stt.test(id) ||
    modelsOf("parakeet").some((name) => is(id, name))
  const engineOf = (id: string) => {
    const name = meant(id)
    if (speaks.test(name) || others.tts.test(name)) return first("magpie")
    return transcribes.test(name) || others.stt.test(name) ? first("parakeet") : name
  }

  const aliasesOf = (fits: (id: string) => boolean) =>
    Object.keys(live.now().models).filter((alias) => fits(meant(alias)))
  const named = () => ({
    tts: [...modelsOf("magpie"), ...openAiNames.tts, ...aliasesOf(isSpeech)],
    stt: [...modelsOf("parakeet"), ...openAiNames.stt, ...aliasesOf(isTranscription)],
  })

  const list = Effect.map(voices, (found) => [
    ...modelsOf("parakeet").map((id) => model(id, "stt")),
    ...modelsOf("magpie").map((id) => model(id, "tts")),
    ...found.map((voice) => model(voice.id, "tts")),
  ])

  const find = Effect.fn("Models.find")(function* (id: string) {
    if (isTranscription(meant(id))) return model(withoutSecrets(id), "stt")
    if (isSpeech(meant(id))) return model(id, "tts")
    const found = (yield* voices).find((voice) => is(voice.id, id))
    return found === undefined
      ? yield* Errors.modelNotFound(id, [...named().stt, ...named().tts])
      : model(found.id, "tts")
  })

  const forOther = Effect.fnUntraced(function* (id: string) {
    if (isTranscription(meant(id))) return yield* Errors.modelNotFound(id, named().tts)
    // Some clients put a voice where the model goes. While the voices are unknown, the engine's own error says more.
    const found = yield* known
    if (Option.isSome(found) && found.value.resolve(id) === undefined) {
      return yield* Errors.modelNotFound(id, named().tts)
    }
  })

  const forSpeech = (id: string) => (isSpeech(meant(id)) ? Effect.void : forOther(id))

  const forTranscription = (id: string) =>
    isTranscription(meant(id)) ? Effect.void : Effect.fail(Errors.modelNotFound(id, named().stt))

  return Models.of({ list, voices, find, engineOf, forSpeech, forTranscription, speechModel: () => first("magpie") })
})

/**
 * The models that clients see, and which names they may use.
 *
 * - `list`: the STT models, the TTS models, the base voices. Without Magpie: without voices.
 * - `voices`: the base voices, or none while Magpie does not say.
 * - `find`: a listed id, or an alias under its own name. Aliases are not listed: they would crowd the menus of clients.
 * - `engineOf`: the engine that one of OpenAI's names stands for here; any other name as it is.
 * - `forSpeech`, `forTranscription`: fail unless the model may be used there. A voice counts as a model that speaks.
 */
export class Models extends Context.Service<
  Models,
  {
    readonly list: Effect.Effect<ReadonlyArray<Model>>
    readonly voices: Effect.Effect<ReadonlyArray<ListedVoice>>
    readonly find: (id: string) => Effect.Effect<Model, ApiError>
    readonly engineOf: (id: string) => string
    readonly forSpeech: (id: string) => Effect.Effect<void, ApiError>
    readonly forTranscription: (id: string) => Effect.Effect<void, ApiError>
    readonly speechModel: () => string
  }
>()("aviary/http/Models") {
  static readonly layer = Layer.effect(Models, make)
}

/** `/v1/models`. */
export const ModelsHandlers = handlersOf(
  Api,
  "models",
  Effect.fnUntraced(function* (handlers) {
    const models = yield* Models
    const answer = yield* makeAnswer
    return handlers
      .handle("list", () => Effect.map(models.list, (data) => ({ object: "list" as const, data })))
      .handle("retrieve", ({ params }) => answer(models.find(params.id)))
      .handle("retrieveOwned", ({ params }) => answer(models.find(`${params.owner}/${params.name}`)))
  }),
)
