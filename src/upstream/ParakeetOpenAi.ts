import { Effect, Ref, Result, type Scope, Stream } from "effect"
import { HttpClientRequest } from "effect/http"
import { durationSeconds, type Recording } from "../audio/Recording.ts"
import { type Segment, textOf } from "../audio/Segment.ts"
import type { Settings } from "../Settings.ts"
import type { EngineAddress } from "./EngineAddress.ts"
import { errorOf } from "./EngineError.ts"
import { type EngineFailure, isMissing } from "./EngineFailure.ts"
import { readWhole } from "./EngineHttp.ts"
import { engineLanguage } from "./EngineLanguage.ts"
import type { Abilities, Listening } from "./Listening.ts"
import { makeOpenAiServer } from "./OpenAiServer.ts"
import { answerLimit, recordingForm } from "./RecordingForm.ts"
import { readTranscript } from "./TranscriptBody.ts"

/**
 * What a server takes, as far as it has refused nothing of it: an answer with the times of words and segments, with times as it
 * likes, or the text alone; a language as `en`, which is OpenAI's way and the only one of Whisper, or as `en-US`.
 */
interface Taken {
  readonly answer: "words" | "verbose" | "text"
  readonly language: "en" | "en-US"
}

/**
 * What to ask for instead after a refusal, if it was about how it was asked. A fault of the GPU comes as a 422 too, with any text.
 */
const instead = (taken: Taken, language: string | undefined, failure: EngineFailure): Taken | undefined => {
  if (failure._tag !== "EngineRejected" || ![400, 415, 422, 501].includes(failure.status)) return undefined
  const said = saidBy(failure)
  if (/cuda|cublas|cudnn/i.test(said)) return undefined
  if (taken.answer === "words" && /granularit/i.test(said)) return { ...taken, answer: "verbose" }
  if (taken.answer !== "text" && /response_format|verbose|json/i.test(said)) return { ...taken, answer: "text" }
  if (taken.language === "en" && language !== undefined && /\blanguage\b/i.test(said))
    return { ...taken, language: "en-US" }
  return undefined
}

const saidBy = (failure: EngineFailure) =>
  failure._tag === "EngineRejected" ? `${failure.message}\n${failure.body}` : ""

/** There is no such route, or it says so of its engine, as another Aviary does. */
const cannotTranslate = (failure: EngineFailure) =>
  isMissing(failure) ||
  (failure._tag === "EngineRejected" && failure.status === 400 && /translat/i.test(saidBy(failure)))

/** Whether a refusal says nothing about the next recording: words may be known of one language and not of another. */
const isOfLanguage = (failure: EngineFailure) => /\blanguages?\b|english/i.test(saidBy(failure))

const one = (value: string | undefined) => (value === undefined || value === "" ? [] : [value])

const fields = (
  taken: Taken,
  model: string,
  language: string | undefined,
  { keywords, prompt, temperature }: Listening,
) => ({
  model: [model],
  response_format: [taken.answer === "text" ? "json" : "verbose_json"],
  "timestamp_granularities[]": taken.answer === "words" ? ["word", "segment"] : [],
  language: one(taken.language === "en" ? language?.split("-", 1)[0] : language),
  prompt: one(prompt),
  "keywords[]": keywords ?? [],
  temperature: one(temperature?.toString()),
})

/** What a transcript of something shows of its engine: servers that know no times answer as if nobody had asked. */
const seenIn = (segments: ReadonlyArray<Segment>, recordingMs: number) => ({
  words: segments.some(({ words }) => words !== undefined),
  times: segments.length > 1 || segments.some(({ endMs, startMs }) => startMs > 0 || endMs < recordingMs),
})

/** What `ParakeetClient` promises, from a server with OpenAI's routes. */
export const makeParakeetOpenAi = Effect.fnUntraced(function* (address: EngineAddress, settings: Settings["Service"]) {
  const server = yield* makeOpenAiServer("parakeet", address, settings)
  const taken = yield* Ref.make<Taken>({ answer: "words", language: "en" })
  let gives = { words: true, times: true, translates: true }
  // It answers only when it is done, so its first byte has all the time there is.
  const clocks = { firstByte: settings.parakeetTimeout, idle: settings.idleTimeout, total: settings.parakeetTimeout }

  /** Undefined: the server finds out by itself. */
  const wanted = (asked: string | undefined) => {
    const language = asked ?? settings.parakeetLanguage
    return language === undefined || language === "multi" ? undefined : engineLanguage(language)
  }

  const open = Effect.fnUntraced(function* (recording: Recording, asked: Listening) {
    const model = yield* server.model
    const language = wanted(asked.language)
    const route = asked.translate === true ? "/v1/audio/translations" : "/v1/audio/transcriptions"
    let now = yield* Ref.get(taken)
    let lasts = true
    while (true) {
      const form = yield* recordingForm(recording, fields(now, model, language, asked))
      const request = HttpClientRequest.post(route).pipe(HttpClientRequest.setBody(form))
      const answered = yield* Effect.result(server.http.call(request, clocks))
      if (Result.isSuccess(answered)) {
        if (lasts) yield* Ref.set(taken, now)
        return answered.success
      }
      const next = instead(now, language, answered.failure)
      if (next === undefined) return yield* answered.failure
      lasts &&= next.answer === now.answer || !isOfLanguage(answered.failure)
      now = next
    }
  })

  const hear = Effect.fn("ParakeetClient.transcribe")(
    function* (
      recording: Recording,
      asked: Listening,
    ): Effect.fn.Return<ReadonlyArray<Segment>, EngineFailure, Scope.Scope> {
      const recordingMs = Math.round(durationSeconds(recording) * 1_000)
      const answer = yield* open(recording, asked).pipe(
        Effect.tapError((failure) =>
          Effect.sync(() => {
            if (asked.translate === true && cannotTranslate(failure)) gives = { ...gives, translates: false }
          }),
        ),
      )
      const body = yield* readWhole(answer.body, answerLimit)
      const segments = yield* readTranscript(answer.mediaType, body, recordingMs)
      if (textOf(segments).trim() !== "") gives = { ...gives, ...seenIn(segments, recordingMs) }
      return segments
    },
    Effect.scoped,
    Effect.mapError(errorOf("parakeet")),
  )

  return {
    protocol: "openai" as const,
    get model() {
      return server.knownModel()
    },
    language: (asked?: string) => wanted(asked) ?? "en-US",
    /** All but speakers, until an answer shows otherwise. */
    get abilities(): Abilities {
      return { streams: false, speakers: false, ...gives }
    },
    transcribe: (recording: Recording, asked: Listening = {}) => Stream.fromIterableEffect(hear(recording, asked)),
    ready: server.ready.pipe(Effect.mapError(errorOf("parakeet")), Effect.withSpan("ParakeetClient.ready")),
    learned: Effect.asVoid(server.model),
  }
})
