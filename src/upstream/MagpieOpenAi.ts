import { Effect, Ref, Result, Stream } from "effect"
import { HttpClientRequest } from "effect/http"
import type { Pcm } from "../audio/Pcm.ts"
import { parseVoice, voiceAliases } from "../audio/Voice.ts"
import type { Settings } from "../Settings.ts"
import { tracedStream } from "../telemetry/Spans.ts"
import type { EngineAddress } from "./EngineAddress.ts"
import { type EngineError, errorOf } from "./EngineError.ts"
import { type EngineFailure, EngineMalformed, isMissing } from "./EngineFailure.ts"
import { type CallClocks, type EngineAnswer, isText, unexpectedAnswer } from "./EngineHttp.ts"
import { voicesIn, voicesOf } from "./OpenAiModels.ts"
import { makeOpenAiServer } from "./OpenAiServer.ts"
import { readPcm } from "./PcmReader.ts"
import type { Utterance } from "./Utterance.ts"

/**
 * Code points of one utterance, some 20 seconds of speech. Most of these servers answer when all of it is made, so this decides
 * how soon the first audio of a long text is there.
 */
const maxCharacters = 300

/** Hz of headerless samples whose media type does not say it: OpenAI's own. */
const rawSampleRate = 24_000

/** What a server takes, as far as it has refused nothing of it. A WAV says its own rate, so it is asked for first. */
interface Taken {
  readonly format: "wav" | "pcm"
  readonly language: boolean
}

/** The protocol has no field for a language; servers of many languages have one. It is left out where it is a guess. */
const languageOf = ({ language, voice }: Utterance) =>
  language === "en-US" && parseVoice(voice).language === undefined ? undefined : language

/** `speed` is never sent: some of these servers have one speed and refuse any other. */
const request = (taken: Taken, model: string, utterance: Utterance) => {
  const language = taken.language ? languageOf(utterance) : undefined
  return HttpClientRequest.post("/v1/audio/speech").pipe(
    HttpClientRequest.bodyJsonUnsafe({
      model,
      input: utterance.text,
      voice: utterance.voice,
      response_format: taken.format,
      ...(language !== undefined && { language }),
    }),
  )
}

const unknownField =
  /extra|not permitted|(unknown|unexpected|unrecogni[sz]ed|unsupported) (field|parameter|property|argument|key|input)/i

/** What to ask for instead after a refusal, if it was about how it was asked. */
const instead = (taken: Taken, failure: EngineFailure): Taken | undefined => {
  if (failure._tag !== "EngineRejected" || ![400, 415, 422].includes(failure.status)) return undefined
  const said = `${failure.message}\n${failure.body}`
  if (taken.language && /\blanguage\b/i.test(said) && unknownField.test(said)) return { ...taken, language: false }
  return taken.format === "wav" && /format|wav/i.test(said) ? { ...taken, format: "pcm" } : undefined
}

const isHeaderless = ({ mediaType }: EngineAnswer) => /^audio\/(x-)?(pcm|l16|raw)$/.test(mediaType)
const isCompressed = ({ mediaType }: EngineAnswer) => /^audio\/(mpeg|mp3|mp4|ogg|opus|flac|aac|webm)$/.test(mediaType)

/** What `MagpieClient` promises, from a server with OpenAI's routes. */
export const makeMagpieOpenAi = Effect.fnUntraced(function* (address: EngineAddress, settings: Settings["Service"]) {
  const server = yield* makeOpenAiServer("magpie", address, settings)
  const ownVoices = address.voices ?? settings.magpieVoices
  const taken = yield* Ref.make<Taken>({ format: "wav", language: true })
  const clocks: CallClocks = {
    firstByte: settings.firstByteTimeout,
    idle: settings.idleTimeout,
    total: settings.magpieTimeout,
  }

  const open = Effect.fnUntraced(function* (utterance: Utterance) {
    const model = yield* server.model
    let asked = yield* Ref.get(taken)
    while (true) {
      const answered = yield* Effect.result(server.http.call(request(asked, model, utterance), clocks))
      if (Result.isSuccess(answered)) {
        yield* Ref.set(taken, asked)
        return { answer: answered.success, format: asked.format }
      }
      const next = instead(asked, answered.failure)
      if (next === undefined) return yield* answered.failure
      asked = next
    }
  })

  const speak = Effect.fnUntraced(function* (utterance: Utterance) {
    const { answer, format } = yield* open(utterance)
    if (isText(answer)) return yield* unexpectedAnswer(answer, "audio")
    if (isCompressed(answer))
      return yield* new EngineMalformed({ message: `answered ${answer.mediaType} when it was asked for ${format}` })
    return readPcm(
      answer.body,
      {
        rawSampleRate: answer.sampleRate ?? rawSampleRate,
        needWav: format === "wav" && !isHeaderless(answer),
        needLength: !answer.bounded,
      },
      errorOf("magpie"),
    )
  })

  /** Empty: it has no such list, or one that cannot be read. A server that is down is no server without a list. */
  const listed = <A>(list: Effect.Effect<ReadonlyArray<A>, EngineFailure>) =>
    list.pipe(
      Effect.catchIf(
        (failure) => failure._tag === "EngineMalformed" || isMissing(failure),
        () => Effect.succeed<ReadonlyArray<A>>([]),
      ),
    )

  const voices = Effect.gen(function* () {
    const model = yield* server.model
    if (ownVoices.length > 0) return ownVoices
    const own = yield* listed(Effect.map(server.json("/v1/audio/voices"), voicesIn))
    if (own.length > 0) return own
    const ofModels = voicesOf(model, yield* listed(server.models))
    return ofModels.length > 0 ? ofModels : voiceAliases
  })

  return {
    protocol: "openai" as const,
    get model() {
      return server.knownModel()
    },
    maxCharacters,
    supportsSpeed: false,
    voices: voices.pipe(Effect.mapError(errorOf("magpie")), Effect.withSpan("MagpieClient.voices")),
    synthesize: (utterance: Utterance): Stream.Stream<Pcm, EngineError> =>
      tracedStream("MagpieClient.synthesize", { voice: utterance.voice })(
        Effect.mapError(speak(utterance), errorOf("magpie")),
      ),
    ready: server.ready.pipe(Effect.mapError(errorOf("magpie")), Effect.withSpan("MagpieClient.ready")),
    learned: Effect.asVoid(server.model),
  }
})
