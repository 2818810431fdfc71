import { type Cause, Context, Effect, Layer, Scope } from "effect"
import { AudioDecoder } from "../audio/AudioDecoder.ts"
import { type DecodedRecording, durationSeconds, recordingBytes } from "../audio/Recording.ts"
import { anonymous } from "../billing/Account.ts"
import { Billing } from "../billing/Billing.ts"
import type { BillingError } from "../billing/BillingError.ts"
import type { Hold } from "../billing/Hold.ts"
import type { Payable } from "../billing/Payable.ts"
import { Payer } from "../billing/Payer.ts"
import { EngineGuard } from "../health/EngineGuard.ts"
import { Fleet } from "../health/Fleet.ts"
import { Scratch } from "../scratch/Scratch.ts"
import type { ScratchError, Taken } from "../scratch/ScratchSpace.ts"
import type { Transcript } from "../upstream/Transcript.ts"
import type { TranscriptionFailure } from "./TranscriptionError.ts"

/**
 * An upload on disk.
 *
 * @property path where the upload was spooled; it must outlive the call
 * @property language BCP 47 or ISO 639-1; absent: the engine's default
 */
export interface TranscriptionRequest {
  readonly path: string
  readonly model: string
  readonly language?: string | undefined
}

/** A transcript and the length of what was heard, in seconds. */
interface Heard extends Transcript {
  readonly durationSeconds: number
}

/** What was heard, not yet charged. A text is of use before its last byte, so it is to be settled before the first one leaves. */
export interface Transcribed extends Heard, Omit<Payable<TranscriptionFailure>, "bytes" | "length"> {}

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

/** The transcription program: audio to text. The scope is the client's: closing it before `settle` has run charges nothing. */
export class Transcription extends Context.Service<
  Transcription,
  {
    readonly transcribe: (
      request: TranscriptionRequest,
    ) => Effect.Effect<Transcribed, TranscriptionFailure, Scope.Scope>
  }
>()("aviary/transcription/Transcription") {
  static readonly layer = Layer.effect(
    Transcription,
    Effect.gen(function* () {
      const decoder = yield* AudioDecoder
      const parakeet = (yield* Fleet).traits("parakeet")
      const guard = yield* EngineGuard
      const billing = yield* Billing
      const { space } = yield* Scratch

      const hear = (recording: DecodedRecording, language: string | undefined) =>
        guard.call("parakeet", (client) => client.transcribe(recording, { language }), { content: recording.sha256 })

      const affordable = (means: Means): Effect.Effect<Means, BillingError> =>
        billing
          .afford({ kind: "transcription", model: parakeet.model, audioMillis: means.seconds * 1_000 }, "MISS")
          .pipe(
            Effect.as(means),
            Effect.catch((refusal) => {
              const seconds = lessThan(means.seconds, refusal)
              return seconds < 1 ? Effect.fail(refusal) : affordable({ seconds, refusal })
            }),
          )

      /** What cannot be paid for, or finds no room, is not decoded: a few bytes can hold hours of silence. */
      const decode = Effect.fnUntraced(function* (path: string) {
        const { accountId } = yield* Payer
        const account = accountId === anonymous ? undefined : accountId
        const scope = yield* Effect.scope
        let refusal: BillingError | ScratchError | undefined
        let room: Taken | undefined
        const maxSeconds = Effect.gen(function* () {
          const means = yield* affordable({ seconds: Math.ceil(decoder.maxSeconds) })
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
              refusal !== undefined && error._tag === "DecodeError" && error.reason._tag === "TooLong"
                ? refusal
                : error,
            ),
          )
        room?.resize(recordingBytes(durationSeconds(recording)))
        return recording
      })

      /** All of it or nothing: whoever got some of the text may have got all that it wanted. */
      const delivered = (hold: Hold) => (handed: "all" | number) =>
        handed === "all"
          ? billing.delivered(hold)
          : billing.left(hold, { served: "MISS", handed: Math.min(handed, 1), of: 1 })

      const transcribe = Effect.fn("Transcription.transcribe")(function* (request: TranscriptionRequest) {
        const client = yield* Effect.scope
        // The recording is done with once it is heard; the hold only when the client has the answer.
        return yield* Effect.scoped(
          Effect.gen(function* () {
            const recording = yield* decode(request.path)
            const seconds = durationSeconds(recording)
            const usage = {
              kind: "transcription",
              model: parakeet.model,
              audioMillis: Math.ceil(seconds * 1000),
            } as const
            const earlier = yield* Scope.provide(billing.reserve(usage), client)
            const { outcome } = earlier
            if (earlier.replayed && outcome !== null) {
              const settle = Effect.asVoid(billing.settle(earlier, { served: "MISS" }))
              return {
                ...(JSON.parse(outcome) as Heard),
                settle,
                delivered: delivered(earlier),
              } satisfies Transcribed
            }
            // A text that was too long to be kept is heard again, and charged again.
            const hold = earlier.replayed
              ? yield* Scope.provide(billing.reserve(usage, { again: true }), client)
              : earlier
            const release = (cause: Cause.Cause<unknown>) => billing.release(hold, cause)
            const transcript = yield* Effect.onError(hear(recording, request.language), release)
            const heard: Heard = { ...transcript, durationSeconds: seconds }
            const repeatable = (yield* Payer).idempotency !== null
            const settled = billing.settle(hold, {
              served: "MISS",
              ...(repeatable ? { outcome: JSON.stringify(heard) } : {}),
            })
            return {
              ...heard,
              settle: Effect.asVoid(Effect.onError(settled, release)),
              delivered: delivered(hold),
            } satisfies Transcribed
          }),
        )
      })

      return Transcription.of({ transcribe })
    }),
  )
}
