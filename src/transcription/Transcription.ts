import { type Cause, Context, Effect, Exit, Layer, Pull, Queue, Scope, Stream } from "effect"
import { AudioDecoder } from "../audio/AudioDecoder.ts"
import { type DecodedRecording, durationSeconds, recordingBytes } from "../audio/Recording.ts"
import type { Segment } from "../audio/Segment.ts"
import { anonymous } from "../billing/Account.ts"
import { Billing } from "../billing/Billing.ts"
import type { BillingError } from "../billing/BillingError.ts"
import type { Hold } from "../billing/Hold.ts"
import { Payer } from "../billing/Payer.ts"
import { Fleet } from "../health/Fleet.ts"
import { Scratch } from "../scratch/Scratch.ts"
import type { ScratchError, Taken } from "../scratch/ScratchSpace.ts"
import { SpeechFinder } from "../embedded/SpeechFinder.ts"
import { WordAligner } from "../embedded/WordAligner.ts"
import { type Asked, checkSupported, makeHearing } from "./Hearing.ts"
import { tellSeconds, tellTrace } from "../telemetry/Spans.ts"
import type { TranscriptionFailure } from "./TranscriptionError.ts"

/**
 * An upload on disk, and how it is to be heard.
 *
 * @property path where the upload was spooled; it must outlive the call
 */
export interface TranscriptionRequest extends Asked {
  readonly path: string
  readonly model: string
}

/** What is kept of a transcription for whoever asks again. */
interface Heard {
  readonly language: string
  readonly durationSeconds: number
  readonly segments: ReadonlyArray<Segment>
  readonly standIn?: string | undefined
}

/**
 * A transcription whose first segment is there, or whose end. It is not charged yet.
 *
 * @property language BCP 47 of what the engine listened for
 * @property durationSeconds length of what is heard
 * @property segments what is said, as the engine hears it, to be read once. However slowly, the engine's turn ends when it has heard all
 * @property unheardMs speech that the engine made no text of, though asked twice; known when `segments` has ended
 * @property standIn the model inside that has heard some of it so far, since no engine could
 * @property settle charges all of it; to be run once, when `segments` has ended
 * @property delivered tells how much the client was handed: all, which it is told after `settle` only, or the text of so many
 *   milliseconds when the client left. The last word counts. Not told where it was broken off by anybody else
 */
export interface Transcribed extends Omit<Heard, "segments" | "standIn"> {
  readonly segments: Stream.Stream<Segment, TranscriptionFailure>
  readonly unheardMs: () => number
  readonly standIn: () => string | undefined
  readonly settle: Effect.Effect<void, TranscriptionFailure>
  readonly delivered: (handed: "all" | number) => Effect.Effect<void>
}

/**
 * How much of a recording the payer has money for.
 *
 * @property refusal what to say to whoever sends more; absent where the gateway's own limit comes first
 */
interface Means {
  readonly seconds: number
  readonly refusal?: BillingError
}

/** How many of `seconds` an account or key can pay for that was refused them. Prices are in proportion, but for rounding. */
const lessThan = (seconds: number, { reason }: BillingError): number => {
  const share =
    reason._tag === "InsufficientQuota"
      ? reason.available / reason.needed
      : reason._tag === "CapReached"
        ? (reason.cap - reason.used) / reason.needed
        : 0
  return Math.min(seconds - 1, Math.floor(seconds * share))
}

const makeHear = Effect.map(makeHearing, (hearing) =>
  /**
   * What the engine hears, from its first segment on. It is taken from the engine at once: a client that reads slowly must not keep
   * it from others, and hours of speech are little text. `done` runs when the recording is needed no more.
   */
  Effect.fnUntraced(function* (
    recording: DecodedRecording,
    asked: Asked,
    each: (segment: Segment) => void,
    done: Effect.Effect<void>,
  ) {
    const { priority } = yield* Payer
    const { segments, standIn, unheardMs } = hearing(recording, { ...asked, priority })
    const heard = segments.pipe(
      Stream.tap((segment) => Effect.sync(() => each(segment))),
      Stream.ensuring(done),
    )
    const queue = yield* Stream.toQueue(heard, { capacity: "unbounded" })
    yield* Pull.catchDone(Queue.peek(queue), () => Effect.void)
    yield* tellSeconds("aviary.first_text_seconds")
    return { segments: Stream.fromQueue(queue), unheardMs, standIn }
  }),
)

const makeDecode = Effect.gen(function* () {
  const decoder = yield* AudioDecoder
  const parakeet = (yield* Fleet).traits("parakeet")
  const billing = yield* Billing
  const { space } = yield* Scratch

  const affordable = (means: Means): Effect.Effect<Means, BillingError> =>
    billing.afford({ kind: "transcription", model: parakeet.model, audioMillis: means.seconds * 1_000 }, "MISS").pipe(
      Effect.as(means),
      Effect.catch((refusal) => {
        const seconds = lessThan(means.seconds, refusal)
        return seconds < 1 ? Effect.fail(refusal) : affordable({ seconds, refusal })
      }),
    )

  /** What cannot be paid for, or finds no room, is not decoded: a few bytes can hold hours of silence. */
  return Effect.fnUntraced(function* (path: string) {
    const { accountId } = yield* Payer
    const account = accountId === anonymous ? undefined : accountId
    const scope = yield* Effect.scope
    let refusal: BillingError | ScratchError | undefined
    let room: Taken | undefined
    const maxSeconds = Effect.gen(function* () {
      const means = yield* affordable({ seconds: Math.ceil(decoder.maxSeconds()) })
      const left = space.left(account)
      const seconds = Math.min(means.seconds, Math.floor(left.bytes / recordingBytes(1)))
      refusal = seconds < means.seconds ? left.refusal : means.refusal
      if (seconds < 1) return yield* left.refusal
      room = yield* space.take(account, { uploads: 0, bytes: recordingBytes(seconds) }).pipe(Scope.provide(scope))
      return seconds
    })
    const recording = yield* decoder
      .decode(path, maxSeconds)
      .pipe(
        Effect.mapError((error) =>
          refusal !== undefined && error._tag === "DecodeError" && error.reason._tag === "TooLong" ? refusal : error,
        ),
      )
    room?.resize(recordingBytes(durationSeconds(recording)))
    return recording
  })
})

const make = Effect.gen(function* () {
  const fleet = yield* Fleet
  const parakeet = fleet.traits("parakeet")
  const parakeets = fleet.of("parakeet").map(({ client }) => client)
  const billing = yield* Billing
  const hear = yield* makeHear
  const decode = yield* makeDecode

  const delivered = (hold: Hold, of: number) => (handed: "all" | number) =>
    handed === "all"
      ? billing.delivered(hold)
      : billing.left(hold, { served: "MISS", handed: Math.min(handed, of), of })

  const transcribe = Effect.fn("Transcription.transcribe")(function* (request: TranscriptionRequest) {
    yield* checkSupported(request, parakeets)
    // The recording is done with once it is heard; the hold only when the client has the answer.
    const hearing = yield* Scope.fork(yield* Effect.scope)
    const recording = yield* Scope.provide(decode(request.path), hearing)
    const seconds = durationSeconds(recording)
    const audioMillis = Math.ceil(seconds * 1000)
    // A recording is never looked for in the cache.
    yield* tellTrace(() => ({ "aviary.audio_seconds": seconds, "aviary.cache": "BYPASS" }))
    const usage = { kind: "transcription", model: parakeet.model, audioMillis } as const
    const earlier = yield* billing.reserve(usage)
    const { outcome } = earlier
    if (earlier.replayed && outcome !== null) {
      yield* Scope.close(hearing, Exit.void)
      const kept = JSON.parse(outcome) as Heard
      return {
        ...kept,
        segments: Stream.fromIterable(kept.segments),
        unheardMs: () => 0,
        standIn: () => kept.standIn,
        settle: Effect.asVoid(billing.settle(earlier, { served: "MISS" })),
        delivered: delivered(earlier, audioMillis),
      } satisfies Transcribed
    }
    // A text that was too long to be kept is heard again, and charged again.
    const hold = earlier.replayed ? yield* billing.reserve(usage, { again: true }) : earlier
    const release = (cause: Cause.Cause<unknown>) => billing.release(hold, cause)
    const repeatable = (yield* Payer).idempotency !== null
    const kept: Array<Segment> = []
    let characters = 0
    const keep = (segment: Segment) => {
      characters += segment.text.length
      if (repeatable) kept.push(segment)
    }
    // A server may show only when it is asked what it cannot do.
    const heardHere = Effect.tapError(hear(recording, request, keep, Scope.close(hearing, Exit.void)), () =>
      checkSupported(request, parakeets),
    )
    const { segments, standIn, unheardMs } = yield* Effect.onError(heardHere, release)
    const heard = { language: parakeet.language(request.language), durationSeconds: seconds }
    const settled = Effect.suspend(() =>
      billing.settle(hold, {
        served: "MISS",
        ...(repeatable
          ? { outcome: JSON.stringify({ ...heard, segments: kept, standIn: standIn() } satisfies Heard) }
          : {}),
      }),
    )
    return {
      ...heard,
      segments: Stream.onError(segments, release),
      unheardMs,
      standIn,
      settle: Effect.andThen(
        tellTrace(() => ({ "aviary.characters": characters })),
        Effect.asVoid(Effect.onError(settled, release)),
      ),
      delivered: delivered(hold, audioMillis),
    } satisfies Transcribed
  })

  return Transcription.of({ transcribe })
})

/**
 * The transcription program: audio to text. The scope is the client's: closing it ends the engine's call, and charges nothing unless
 * `settle` or `delivered` has said otherwise.
 */
export class Transcription extends Context.Service<
  Transcription,
  {
    readonly transcribe: (
      request: TranscriptionRequest,
    ) => Effect.Effect<Transcribed, TranscriptionFailure, Scope.Scope>
  }
>()("aviary/transcription/Transcription") {
  /** With a search for speech, and an aligner of words, of one's own. */
  static readonly layerNoDeps = Layer.effect(Transcription, make)

  static readonly layer = Transcription.layerNoDeps.pipe(Layer.provide([SpeechFinder.layer, WordAligner.layer]))
}
