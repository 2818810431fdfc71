import { Cause, Duration, Effect, Option, Schema, SchemaIssue } from "effect"
import { HttpServerError, HttpServerResponse, Multipart } from "effect/http"
import { ApiError } from "../contract/ApiError.ts"
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
import { HttpApiError } from "effect/http-api"

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
        return (reason.kind === "lost" ? Errors.ledgerInDoubt() : Errors.ledgerUnavailable()).retryAfter(
          ledgerRetryAfter,
        )
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

/** Largest JSON body in bytes: 4,096 characters of text and as many of instructions, each written as two `\uXXXX`. */
export const maxJsonBytes = 256 * 1024

/** The error for a request that the framework, not a handler, ended; absent for a fault of the gateway's own. */
const requestFault = (fault: unknown): Option.Option<ApiError> => {
  if (fault instanceof ApiError) return Option.some(fault)
  if (HttpApiError.HttpApiSchemaError.is(fault)) {
    return fault.kind === "Body" || fault.kind === "ResponseHeaders"
      ? Option.none()
      : Option.some(schemaFault(fault.cause))
  }
  if (Multipart.isMultipartError(fault)) return multipartFault(fault)
  if (HttpServerError.isHttpServerError(fault) && fault.reason._tag === "RequestParseError") {
    return Option.some(
      fault.reason.reason === "BodyTooLarge" ? Errors.bodyTooLarge(maxJsonBytes) : Errors.malformedRequest(),
    )
  }
  return Option.none()
}

const multipartFault = (fault: Multipart.MultipartError): Option.Option<ApiError> =>
  fault.reason._tag === "InternalError" ? Option.none() : Option.some(Errors.invalidMultipart())

/** The first failure or defect of `cause` that has a place in the catalogue. */
export const causeFault = (cause: Cause.Cause<unknown>): Option.Option<ApiError> =>
  Option.firstSomeOf(
    cause.reasons.map((reason) => {
      if (reason._tag === "Fail") return requestFault(reason.error)
      return reason._tag === "Die" ? requestFault(reason.defect) : Option.none()
    }),
  )

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** How many characters of an unknown field's name are repeated in the error. */
const longestName = 100

/** The message of the contract's JSON decoder, which has no tag of its own. */
const notJson = "Expected a valid JSON body"

/** The error for a request that does not fit the contract: the first field at fault, and what it accepts. */
export const schemaFault = (error: Schema.SchemaError): ApiError => {
  const [first] = format(error.issue).issues
  const message = first === undefined ? "expected something else" : lowerFirst(first.message)
  if (first?.message === notJson) return Errors.invalidJson()
  // A member of a list is named by its list: a query has no indices.
  const path = (first?.path ?? []).filter((part) => typeof part !== "number")
  if (path.length === 0) return Errors.invalidBody()
  const leaf = leafOf(error.issue)
  const param = path.map(String).join(".")
  if (leaf._tag === "UnexpectedKey") return Errors.unknownParameter(param.slice(0, longestName))
  if (leaf._tag === "MissingKey") return Errors.missingParameter(param)
  return choosesLiteral(leaf) ? Errors.unsupportedValue(param, message) : Errors.invalidValue(param, message)
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)

/** The innermost first issue, which is the one that the formatter's first message is about. */
const leafOf = (issue: SchemaIssue.Issue): SchemaIssue.Issue => {
  switch (issue._tag) {
    case "Pointer":
    case "Filter":
    case "Encoding":
      return leafOf(issue.issue)
    case "Composite":
      return leafOf(issue.issues[0])
    case "AnyOf":
      return issue.issues[0] === undefined ? issue : leafOf(issue.issues[0])
    default:
      return issue
  }
}

/** Whether the value is none of a list, as against one of the wrong kind. */
const choosesLiteral = (issue: SchemaIssue.Issue): boolean =>
  (issue._tag === "AnyOf" && issue.ast.types.every((type) => type._tag === "Literal")) ||
  (issue._tag === "InvalidType" && issue.ast._tag === "Literal")
