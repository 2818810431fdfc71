import { Duration } from "effect"
import type { ApiError } from "../contract/ApiError.ts"
import { Errors } from "../contract/Errors.ts"
import type { SpeechError } from "../speech/SpeechError.ts"
import type { TranscriptionError } from "../transcription/TranscriptionError.ts"
import type { EngineFailure } from "../upstream/EngineFailure.ts"

/** The one place where the rooms' errors become what a client is told. A reason without a case does not compile. */
export const makeRoomErrors = (options: { readonly retryAfter: Duration.Duration }) => {
  const retryAfter = Duration.toMillis(options.retryAfter)

  const engine = (name: "text-to-speech" | "speech-to-text", failure: EngineFailure): ApiError => {
    switch (failure._tag) {
      case "EngineUnreachable":
        return Errors.engineUnreachable(name)
      case "EngineTimedOut":
        return Errors.engineTimedOut(name, Math.round(failure.afterMillis / 1000))
      case "EngineLoading":
        return Errors.engineLoading(name).retryAfter(retryAfter)
      case "EngineRejected":
        return Errors.engineRejected(failure.status, failure.message)
      case "EngineMalformed":
        return Errors.engineMalformed(name)
      case "EngineCut":
        return Errors.engineCut(name)
    }
  }

  const speech = ({ reason }: SpeechError): ApiError => {
    switch (reason._tag) {
      case "BlankText":
        return Errors.blankText()
      case "TextTooLong":
        return Errors.textTooLong(reason.length, reason.limit)
      case "UnknownVoice":
        return Errors.unknownVoice(reason.voice, reason.available)
      case "Unsupported":
        return Errors.unsupportedValue(reason.param, reason.message)
      case "SpeechEngineFailed":
        return engine("text-to-speech", reason.failure)
      case "Incomplete":
        return Errors.incompleteAudio(reason.message)
    }
  }

  const transcription = ({ reason }: TranscriptionError): ApiError => {
    switch (reason._tag) {
      case "Undecodable":
        return Errors.undecodable(reason.message)
      case "TranscriptionEngineFailed":
        return engine("speech-to-text", reason.failure)
      case "SpoolFailed":
        return Errors.storageUnavailable()
    }
  }

  return { speech, transcription }
}
