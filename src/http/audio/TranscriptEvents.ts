import { Array, Cause, Effect, Exit, Fiber, Option, Stream } from "effect"
import type { HttpServerRequest } from "effect/http"
import type { ApiError } from "../../contract/ApiError.ts"
import type { SpeakerSegment } from "../../contract/Transcripts.ts"
import { Settings } from "../../Settings.ts"
import type { Transcribed } from "../../transcription/Transcription.ts"
import type { TranscriptionFailure } from "../../transcription/TranscriptionError.ts"
import { makeRoomErrors } from "../ErrorAnswers.ts"
import { deliver, engineHeader, eventOf, eventStream, handedOver, standInOf } from "./Delivery.ts"
import { keptAlive } from "./KeptAlive.ts"
import { segmentId, speakerSegment, usageOf } from "./TranscriptAnswer.ts"

const encoder = new TextEncoder()

type TranscriptEvent =
  | { readonly type: "transcript.text.delta"; readonly delta: string; readonly segment_id?: string }
  | SpeakerSegment
  | { readonly type: "transcript.text.done"; readonly text: string; readonly usage: ReturnType<typeof usageOf> }
  | ApiError["envelope"]

const event: (data: TranscriptEvent) => Uint8Array = eventOf

/** A line that readers of events skip. */
const comment = (text: string) => encoder.encode(`: ${text}\n\n`)

const listening = comment("still listening")

const fieldsOf = (headers: Record<string, string>) =>
  Object.entries(headers)
    .map((field) => field.join(": "))
    .join(", ")

/** How long a transcription may take to its first segment before its answer begins without one. Proxies give up after 30 seconds and more. */
const patience = "10 seconds"

/**
 * The answer as events. Its status is of the first segment, or of what went wrong before it, unless `patience` runs out: then it begins
 * with comments, and what goes wrong is an event. The charge stands before `done` leaves; whoever leaves before has heard the recording
 * up to the end of the last segment it was handed.
 */
export const makeTranscriptEvents = Effect.gen(function* () {
  const told = makeRoomErrors(yield* Settings)

  /** @param speakers whether a `segment` event says who speaks */
  return Effect.fnUntraced(function* <E extends TranscriptionFailure | ApiError, R>(
    request: HttpServerRequest.HttpServerRequest,
    transcribe: Effect.Effect<Transcribed, E, R>,
    speakers: boolean,
  ) {
    const hearing = yield* Effect.forkScoped(transcribe, { startImmediately: true })
    const first = yield* Effect.timeoutOption(Fiber.await(hearing), patience)
    if (Option.isSome(first) && Exit.isFailure(first.value)) return yield* Effect.failCause(first.value.cause)
    const transcribed = Fiber.join(hearing)
    let text = ""
    let handedMs = 0
    let count = 0
    const deltas = Stream.unwrap(Effect.map(transcribed, ({ segments }) => segments)).pipe(
      Stream.mapArray(
        Array.flatMap((segment) => {
          text += segment.text
          handedMs = segment.endMs
          const id = count++
          const delta = { type: "transcript.text.delta", delta: segment.text } as const
          return speakers
            ? ([event({ ...delta, segment_id: segmentId(id) }), event(speakerSegment(segment, id))] as const)
            : ([event(delta)] as const)
        }),
      ),
    )
    const heard = hearing.pollUnsafe()
    const known = heard !== undefined && Exit.isSuccess(heard) ? heard.value.standIn() : undefined
    const done = Stream.fromIterableEffect(
      Effect.gen(function* () {
        const { durationSeconds, standIn } = yield* Effect.orDie(transcribed)
        const last = event({ type: "transcript.text.done", text, usage: usageOf(durationSeconds) })
        // What took over after the headers had left.
        return standIn() === known ? [last] : [comment(fieldsOf(yield* engineHeader(standInOf(standIn())))), last]
      }),
    )
    const payable = {
      bytes: keptAlive(deltas, listening, patience).pipe(
        Stream.catchCause((cause) =>
          whatWentWrong(cause, told).pipe(
            // What is still held back when the connection is broken off is lost.
            Stream.concat(Stream.fromEffectDrain(handedOver(request))),
            Stream.concat(Stream.failCause(cause)),
          ),
        ),
      ),
      length: undefined,
      settle: Effect.flatMap(transcribed, ({ settle }) => settle),
      delivered: (handed: "all" | number) => {
        const heard = hearing.pollUnsafe()
        // Who left before anything was heard has been handed comments.
        if (heard === undefined || Exit.isFailure(heard)) return Effect.void
        return heard.value.delivered(handed === "all" || handed === 0 ? handed : handedMs)
      },
    }
    const headers = { ...eventStream.headers, ...(yield* engineHeader(standInOf(known))) }
    return yield* deliver(request, payable, { ...eventStream, headers }, done)
  })
})

/** What OpenAI's clients throw as an error of their own. The connection is broken off behind it all the same: there is no `done`. */
const whatWentWrong = (
  cause: Cause.Cause<TranscriptionFailure | ApiError>,
  told: ReturnType<typeof makeRoomErrors>,
): Stream.Stream<Uint8Array> => {
  const error = Cause.findErrorOption(cause)
  if (Option.isNone(error)) return Stream.empty
  return Stream.succeed(event((error.value._tag === "ApiError" ? error.value : told(error.value)).envelope))
}
