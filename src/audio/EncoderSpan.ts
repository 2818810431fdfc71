import { Clock, Effect, type Scope } from "effect"
import { isTraced, spanOfScope } from "../telemetry/Spans.ts"
import type { EncoderOptions } from "./format/Encoder.ts"
import type { StreamEncoder } from "./StreamEncoder.ts"

/**
 * In a trace an encoder is a span as long as its stream, most of which it waits for the engine: `aviary.encoder_seconds` is what it
 * worked, or waited for its thread.
 */
export const spanned = <E, R>(options: EncoderOptions, opened: Effect.Effect<StreamEncoder, E, R>) =>
  Effect.withFiber<StreamEncoder, E, R | Scope.Scope>((fiber) => (isTraced(fiber) ? inSpan(options, opened) : opened))

const inSpan = Effect.fnUntraced(function* <E, R>(
  { format, sampleRate }: EncoderOptions,
  opened: Effect.Effect<StreamEncoder, E, R>,
) {
  const span = yield* spanOfScope("Encoders.encode", { "aviary.format": format, "aviary.sample_rate": sampleRate })
  const { copies = false, encode, flush, now } = yield* opened
  const clock = yield* Clock.Clock
  let nanos = 0n
  const took = (began: bigint) => {
    nanos += clock.currentTimeNanosUnsafe() - began
    span?.attribute("aviary.encoder_seconds", Number(nanos) / 1_000_000_000)
  }
  const timed = <A, E2>(work: Effect.Effect<A, E2>): Effect.Effect<A, E2> =>
    Effect.suspend(() => {
      const began = clock.currentTimeNanosUnsafe()
      return Effect.ensuring(
        work,
        Effect.sync(() => took(began)),
      )
    })
  return {
    copies,
    now:
      now &&
      ((samples) => {
        const began = clock.currentTimeNanosUnsafe()
        const bytes = now(samples)
        took(began)
        return bytes
      }),
    encode: (samples) => timed(encode(samples)),
    flush: timed(flush),
  } satisfies StreamEncoder
})
