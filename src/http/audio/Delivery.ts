import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Cause, Effect, Exit, Stream } from "effect"
import { HttpServerError, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { ServerResponse } from "node:http"
import { inFairTurns } from "../FairTurns.ts"
import { paid, type Payable } from "../../billing/Payable.ts"
import { whenOver } from "../RequestContext.ts"
import { note } from "../RequestRecord.ts"

/** What answered where no engine of its kind could; `voice` where it speaks. */
interface StandIn {
  readonly model: string
  readonly voice?: string
}

/**
 * Tells the client, and the request's line in the log, that the engine inside answers in an engine's place. Which of several engines
 * answers is told to nobody: they are alike.
 */
export const engineHeader = (standIn: StandIn | undefined): Effect.Effect<Record<string, string>> => {
  if (standIn === undefined) return Effect.succeed({})
  const { model, voice } = standIn
  const parameters = [["model", model] as const, ...(voice === undefined ? [] : [["voice", voice] as const])]
  return Effect.as(note({ engine: `embedded, ${model}`, ...(voice !== undefined && { voice }) }), {
    "x-aviary-engine": ["embedded", ...parameters.map(([name, value]) => `${name}="${value}"`)].join("; "),
  })
}

/** The model that heard in an engine's place, as `engineHeader` takes it. */
export const standInOf = (model: string | undefined): StandIn | undefined =>
  model === undefined ? undefined : { model }

const encoder = new TextEncoder()

/** One of OpenAI's events. Server-sent events are ended by line breaks, of which JSON has none: it writes those of a text as `\n`. */
export const eventOf = (data: object): Uint8Array => encoder.encode(`data: ${JSON.stringify(data)}\n\n`)

/** How the answer begins that events follow. */
export const eventStream = {
  contentType: "text/event-stream",
  // nginx would collect what it passes on.
  headers: { "cache-control": "no-cache", "x-accel-buffering": "no" },
}

const nothing = new Uint8Array()

/** Absent where there is no socket. */
export const responseOf = (request: HttpServerRequest.HttpServerRequest): ServerResponse | undefined => {
  const response: unknown = NodeHttpServerRequest.toServerResponse(request)
  return response instanceof ServerResponse ? response : undefined
}

/**
 * Waits until the operating system has taken everything that was written: the callback of an empty write runs once all earlier
 * writes have. Killed while Node still holds some of them, the gateway would have charged for bytes that never left.
 */
export const handedOver = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<void> => {
  const response = responseOf(request)
  if (response === undefined) return Effect.void
  // On a connection that has gone Node calls back with an error, or not at all; the server interrupts whoever waits then.
  return Effect.callback<void>((resume) => {
    response.write(nothing, (error) => {
      if (error === undefined || error === null) resume(Effect.void)
    })
  })
}

/**
 * The same answer, which tells that all of it was delivered once the operating system has its end too, not when the end is about to be
 * written: who is killed in between has broken it off.
 */
const toldWhenOut = <E>(request: HttpServerRequest.HttpServerRequest, answer: Payable<E>) => {
  const response = responseOf(request)
  if (response === undefined) return Effect.succeed(answer)
  let isWhole = false
  const gone = Effect.callback<void>((resume) => {
    // Mostly it has been taken by now, and Node says so in a later turn only.
    const isTaken = response.writableEnded && response.socket?.writableLength === 0
    if (isTaken || response.writableFinished || response.destroyed) return resume(Effect.void)
    // One of them comes.
    for (const event of ["finish", "close"]) response.once(event, () => resume(Effect.void))
  })
  const told = Effect.suspend(() => (isWhole ? Effect.andThen(gone, answer.delivered("all")) : Effect.void))
  const delivered = (handed: "all" | number) => {
    isWhole = handed === "all"
    return isWhole ? Effect.void : answer.delivered(handed)
  }
  return whenOver(() => told, { ...answer, delivered })
}

/** A client that left, by itself or cut for not reading. A server that stops interrupts too, and nobody is charged for that. */
const leaving =
  (request: HttpServerRequest.HttpServerRequest) =>
  (cause: Cause.Cause<unknown>): boolean =>
    Cause.hasInterruptsOnly(cause) &&
    (responseOf(request) === undefined ||
      cause.reasons.some((reason) => reason.annotations.has(HttpServerError.ClientAbort.key)))

interface Head {
  readonly contentType: string
  readonly headers?: Record<string, string>
}

const respond = (body: Stream.Stream<Uint8Array, unknown>, length: number | undefined, head: Head) =>
  HttpServerResponse.stream(body, { ...head, ...(length === undefined ? {} : { contentLength: length }) })

/**
 * The response that delivers `answer` as it comes. It is charged when the operating system has all of it but the last byte or the end.
 *
 * @param last what tells the client that it has all: leaves once the charge stands
 */
export const deliver = <E>(
  request: HttpServerRequest.HttpServerRequest,
  answer: Payable<E>,
  head: Head,
  last?: Stream.Stream<Uint8Array>,
) =>
  Effect.map(toldWhenOut(request, answer), (told) => {
    const fair = { ...told, bytes: inFairTurns(answer.bytes) }
    const surroundings = { handedOver: handedOver(request), isLeaving: leaving(request) }
    const body = paid(fair, surroundings)
    return respond(last === undefined ? body : Stream.concat(body, last), answer.length, head)
  })

/**
 * The response that delivers at once what is there as a whole and charged. The charge stands once the operating system has all of it, or
 * it was on its way there when the client left; otherwise it is paid back.
 */
export const deliverWhole = (
  request: HttpServerRequest.HttpServerRequest,
  response: ServerResponse,
  { delivered }: Pick<Payable<never>, "delivered">,
  whole: Uint8Array,
  head: Head,
) =>
  whenOver(
    (exit) => {
      if (response.writableFinished) return delivered("all")
      const hasLeft = Exit.isSuccess(exit) || leaving(request)(exit.cause)
      return hasLeft ? delivered(response.headersSent ? whole.length : 0) : Effect.void
    },
    HttpServerResponse.raw(whole, { ...head, contentLength: whole.length }),
  )

/**
 * The response that delivers an answer which is of use before its last byte, such as a text: it is charged before the first. That it
 * is out is told once the operating system has it.
 */
export const deliverCharged = <E>(request: HttpServerRequest.HttpServerRequest, answer: Payable<E>, head: Head) =>
  Effect.gen(function* () {
    yield* answer.settle
    // Until the first byte: whoever leaves in between is paid back.
    yield* answer.delivered(0)
    const told = yield* toldWhenOut(request, answer)
    const out = { ...told, bytes: inFairTurns(answer.bytes), length: undefined, settle: handedOver(request) }
    return respond(paid(out, { isLeaving: leaving(request) }), answer.length, head)
  })
