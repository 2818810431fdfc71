import { Duration, Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import type { ApiError } from "../contract/ApiError.ts"
import type { BillingError } from "../billing/BillingError.ts"
import type { DecodeError } from "../audio/DecodeError.ts"
import type { EngineFailure } from "../upstream/EngineFailure.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { Errors } from "../contract/Errors.ts"
import type { HealthError } from "../health/HealthError.ts"
import { reasonWords } from "../telemetry/ReasonWords.ts"
import { note } from "./RequestRecord.ts"
import type { SpaceTaken } from "../scratch/ScratchSpace.ts"
import { Settings } from "../Settings.ts"
import type { SpeechError, SpeechFailure } from "../speech/SpeechError.ts"
import type { TranscriptionFailure } from "../transcription/TranscriptionError.ts"

/** Milliseconds after which a ledger that was locked or full is worth another try. */
const ledgerRetryAfter = 5_000

/** Milliseconds after which an engine that was too busy is worth another try. */
const engineRetryAfter = 5_000

/** An engine's message about the gateway's own credentials is not passed on to a client. */
const isAboutAccess = (status: number) => status === 401 || status === 403 || status === 407
const noAccess = (engine: string) =>
  `The ${engine} engine does not let the gateway in. Its operator has to look at the engine's URL and its credentials.`

/** Clients are told what an engine is for, not which one is there. */
const engineNames = { magpie: "text-to-speech", parakeet: "speech-to-text" } as const

/** Everything the rooms fail a request with. */
export type RoomError = SpeechFailure | TranscriptionFailure

/**
 * The one place where the rooms' errors become errors for clients. An error or reason without a case does not compile.
 *
 * @param options.retryAfter when to come back to something that passes by itself
 */
export const makeRoomErrors = (options: { readonly retryAfter: Duration.Duration }) => {
  const retryAfter = Duration.toMillis(options.retryAfter)

  const engine = (kind: EngineKind, failure: EngineFailure): ApiError => {
    const name = engineNames[kind]
    switch (failure._tag) {
      case "EngineUnreachable":
        return Errors.engineUnreachable(name)
      case "EngineTimedOut":
        return Errors.engineTimedOut(name, Math.ceil(failure.afterMillis / 1000))
      case "EngineLoading":
        return Errors.engineLoading(name).retryAfter(retryAfter)
      case "EngineRejected":
        if (failure.status === 429 || failure.status === 503)
          return Errors.engineOverloaded(name).retryAfter(engineRetryAfter)
        return Errors.engineRejected(failure.status, isAboutAccess(failure.status) ? noAccess(name) : failure.message)
      case "EngineMalformed":
        return Errors.engineMalformed(name)
      case "EngineCut":
        return Errors.engineCut(name)
    }
  }

  const speech = (reason: SpeechError["reason"]): ApiError => {
    switch (reason._tag) {
      case "BlankText":
        return Errors.blankText()
      case "TextTooLong":
        return Errors.textTooLong(reason.length, reason.limit)
      case "UnknownVoice":
        return Errors.unknownVoice(reason.voice, reason.available)
      case "Unspeakable":
        return Errors.unspeakableText(reason.voice, reason.language)
      case "Incomplete":
        return Errors.incompleteAudio(reason.message)
    }
  }

  const decoding = (reason: DecodeError["reason"]): ApiError => {
    switch (reason._tag) {
      case "Undecodable":
      case "DecoderGaveUp":
        return Errors.undecodable(reason.message)
      case "FfmpegMissing":
        return Errors.unsupportedAudio(reason.message)
      case "TooLong":
        return Errors.audioTooLong(reason.message)
      case "DecoderBusy":
        return Errors.overloaded().retryAfter(retryAfter)
      case "SpoolFailed":
        return Errors.storageUnavailable()
    }
  }

  const spaceTaken = ({ limit, of, whose }: SpaceTaken): ApiError =>
    (whose === "all" ? Errors.overloaded() : Errors.tooManyUploads(`${limit} ${of}`)).retryAfter(retryAfter)

  const health = (reason: HealthError["reason"]): ApiError => {
    switch (reason._tag) {
      case "EngineWedged":
        return reason.retryAfterMillis === undefined
          ? Errors.engineExhausted(reason.message)
          : Errors.engineWedged(reason.message).retryAfter(reason.retryAfterMillis)
      case "EngineStarting":
        return Errors.engineStarting(reason.message).retryAfter(reason.retryAfterMillis)
      case "QueueFull":
        return Errors.engineBusy(reason.waiting).retryAfter(reason.retryAfterMillis)
      case "QueueWaitTimedOut":
        return Errors.engineTurnTimedOut(Math.ceil(reason.waitedMillis / 1000)).retryAfter(reason.retryAfterMillis)
      case "Quarantined":
        return Errors.quarantined(reason.message)
      case "RestartUnderWay":
        return Errors.restartUnderWay(reason.engine)
      case "NoBackend":
        return Errors.noRestartBackend(reason.message)
      case "BudgetSpent":
        return Errors.restartsSpent(reason.limit, Math.round(reason.windowMillis / 60_000))
      case "NotRunning":
        return Errors.notRunning(reason.message)
      case "RestartFailed":
        return Errors.restartFailed(reason.message)
      case "JournalFailed":
        return Errors.journalFailed(reason.message)
    }
  }

  const billing = (reason: BillingError["reason"]): ApiError => {
    switch (reason._tag) {
      case "InsufficientQuota":
        return Errors.insufficientQuota()
      case "CapReached":
        return Errors.capReached(reason.scope, reason.cap)
      case "LedgerUnavailable":
        return Errors.ledgerUnavailable().retryAfter(ledgerRetryAfter)
      case "AlreadyReleased":
        return Errors.holdLost().retryAfter(ledgerRetryAfter)
      case "InvalidKey":
        return Errors.invalidKey()
      case "KeyExpired":
        return Errors.endedKey("expired")
      case "KeyRevoked":
        return Errors.endedKey("revoked")
      case "AccountFrozen":
        return Errors.accountFrozen()
      case "AccountClosed":
        return Errors.accountClosed()
      case "RateLimited":
        return Errors.rateLimited(reason.limit, reason.max).retryAfter(reason.retryAfterMs)
      case "TextAboveLimit":
        return Errors.textAboveLimit(reason.max, reason.requested)
      case "IdempotencyConflict":
        return Errors.idempotencyConflict()
      case "IdempotencyInProgress":
        return Errors.idempotencyInProgress().retryAfter(ledgerRetryAfter)
      case "UnknownAccount":
        return Errors.unknownAccount(reason.accountId)
      case "UnknownKey":
        return Errors.unknownKey(reason.keyId)
      case "UnknownRates":
        return Errors.unknownRates(reason.version)
      case "NotAccepted":
        return Errors.notAccepted(reason.message)
    }
  }

  return (error: RoomError): ApiError => {
    switch (error._tag) {
      case "SpeechError":
        return speech(error.reason)
      case "TranscriptionError":
        return Errors.unsupportedValue(error.reason.param, error.reason.message)
      case "EncodeError":
        return Errors.encoderLost()
      case "EngineError":
        return engine(error.engine, error.reason)
      case "DecodeError":
        return decoding(error.reason)
      case "HealthError":
        return health(error.reason)
      case "BillingError":
        return billing(error.reason)
      case "ScratchError":
        return spaceTaken(error.reason)
      case "CacheError":
        return error.reason._tag === "FlightStopped"
          ? Errors.shuttingDown().retryAfter(1_000)
          : Errors.storageUnavailable()
    }
  }
}

/**
 * What belongs to a status or a code. After a 408 the rest of the request may still come, and after one without a clear host
 * nobody knows whose the next is: the connection is over (RFC 9110, 15.5.9, 15.5.2; RFC 9112, 11.2).
 */
const headersOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  401: { "www-authenticate": 'Bearer realm="aviary"' },
  408: { connection: "close" },
  invalid_host: { connection: "close" },
}

/** `error` on the wire. */
export const errorResponse = (error: ApiError): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(error.envelope, {
    status: error.status,
    headers: { ...error.headers, ...headersOf[error.status], ...headersOf[error.code] },
  })

/** Turns an error, a room's or the contract's own, into the error response. */
export const makeAnswer = Effect.map(Settings, (settings) => {
  const errorOf = makeRoomErrors(settings)
  return <A, E extends RoomError | ApiError, R>(
    asked: Effect.Effect<A, E, R>,
  ): Effect.Effect<A | HttpServerResponse.HttpServerResponse, never, R> =>
    Effect.catch(asked, (error: RoomError | ApiError) =>
      error._tag === "ApiError"
        ? Effect.succeed(errorResponse(error))
        : Effect.as(note({ why: reasonWords(error.reason) }), errorResponse(errorOf(error))),
    )
})
