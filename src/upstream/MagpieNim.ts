import { Effect, Option, Schema, type Stream } from "effect"
import { HttpClientRequest } from "effect/http"
import type { Pcm } from "../audio/Pcm.ts"
import { noSounds } from "../audio/Sounds.ts"
import { ssmlOf } from "../audio/Ssml.ts"
import type { Settings } from "../Settings.ts"
import { tracedStream } from "../telemetry/Spans.ts"
import { type EngineError, errorOf } from "./EngineError.ts"
import type { EngineAddress } from "./EngineAddress.ts"
import { EngineMalformed, isMissing } from "./EngineFailure.ts"
import { engineLanguage } from "./EngineLanguage.ts"
import {
  type CallClocks,
  type EngineAnswer,
  isText,
  makeEngineHttp,
  readiness,
  readWhole,
  unexpectedAnswer,
} from "./EngineHttp.ts"
import { formBytes } from "./FormBytes.ts"
import { readPcm } from "./PcmReader.ts"
import type { Utterance } from "./Utterance.ts"

/** Hz asked for: Magpie's own rate. It is said to refuse 24,000. */
const sampleRate = 22_050

/**
 * A NIM takes 2,000 characters after it has spelled out numbers and dates; Devanagari is refused from about 1,550.
 * What text becomes is its own affair, so half of its limit is left to it.
 */
const maxCharacters = 1_000

/** What NVIDIA calls it. */
const nimModel = "magpie-tts-multilingual"

/** The NIM's synthesis routes: one streams headerless samples, the other answers a whole WAV. */
type Route = "/v1/audio/synthesize_online" | "/v1/audio/synthesize"
const online: Route = "/v1/audio/synthesize_online"
const batch: Route = "/v1/audio/synthesize"

/** Bytes of a voice list, which is parsed and indexed on the event loop. A NIM lists 270 voices in 10 KB. */
const voiceListLimit = 256 * 1_024

// One key names all locales, or each locale is a key: only the values count.
const VoiceList = Schema.fromJsonString(
  Schema.Record(Schema.String, Schema.Struct({ voices: Schema.Array(Schema.NonEmptyString) })),
)
const decodeVoices = Schema.decodeUnknownOption(VoiceList)

/** Sounds go as SSML, which both routes take; of a dictionary NVIDIA's page on HTTP says nothing. */
const form = (route: Route, { language, sounds = noSounds, text: said, voice }: Utterance) => {
  const text = ssmlOf(said, sounds)
  return HttpClientRequest.post(route).pipe(
    HttpClientRequest.setBody(
      formBytes({
        text,
        language: engineLanguage(language),
        voice,
        sample_rate_hz: String(sampleRate),
        encoding: "LINEAR_PCM",
      }),
    ),
  )
}

/** What `MagpieClient` promises, from the NIM at an address. */
export const makeMagpieNim = Effect.fnUntraced(function* (address: EngineAddress, settings: Settings["Service"]) {
  const http = yield* makeEngineHttp(address.url, settings, address.key)
  let route: Route = online
  const clocks: CallClocks = {
    firstByte: settings.firstByteTimeout,
    idle: settings.idleTimeout,
    total: settings.magpieTimeout,
  }
  const quick: CallClocks = { ...clocks, total: settings.firstByteTimeout }

  const heard = (answer: EngineAnswer, asked: Route) =>
    isText(answer)
      ? unexpectedAnswer(answer, "audio")
      : Effect.succeed(
          readPcm(
            answer.body,
            { rawSampleRate: sampleRate, needWav: asked === batch, needLength: !answer.bounded },
            errorOf("magpie"),
          ),
        )

  const askAt = (asked: Route, utterance: Utterance) =>
    Effect.flatMap(http.call(form(asked, utterance), clocks), (answer) => heard(answer, asked))

  const speak = (utterance: Utterance) =>
    Effect.suspend(() => {
      const first = route
      return Effect.catch(askAt(first, utterance), (failure) => {
        if (!isMissing(failure)) return Effect.fail(failure)
        const other = first === online ? batch : online
        return askAt(other, utterance).pipe(
          Effect.mapError((another) => (isMissing(another) ? failure : another)),
          Effect.tap(() => Effect.sync(() => (route = other))),
        )
      })
    })

  const voices = Effect.fnUntraced(function* () {
    const answer = yield* http.call(HttpClientRequest.get("/v1/audio/list_voices"), quick)
    const text = yield* readWhole(answer.body, voiceListLimit)
    const listed = decodeVoices(text)
    if (Option.isNone(listed))
      return yield* new EngineMalformed({ message: `its voice list cannot be read: ${text.slice(0, 200)}` })
    return [...new Set(Object.values(listed.value).flatMap((locale) => locale.voices))]
  }, Effect.scoped)

  return {
    protocol: "nim" as const,
    model: address.model ?? settings.magpieModel ?? nimModel,
    maxCharacters,
    supportsSpeed: false,
    supportsSsml: true,
    takesIpa: () => true,
    voices: Effect.suspend(voices).pipe(Effect.mapError(errorOf("magpie")), Effect.withSpan("MagpieClient.voices")),
    synthesize: (utterance: Utterance): Stream.Stream<Pcm, EngineError> =>
      tracedStream("MagpieClient.synthesize", { voice: utterance.voice })(
        Effect.mapError(speak(utterance), errorOf("magpie")),
      ),
    ready: readiness(http, settings.connectTimeout).pipe(
      Effect.mapError(errorOf("magpie")),
      Effect.withSpan("MagpieClient.ready"),
    ),
  }
})
