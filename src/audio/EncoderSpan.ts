import { Clock, Effect } from "effect"
import { spanOfScope } from "../telemetry/Spans.ts"
import type { EncoderOptions } from "./format/Encoder.ts"
import type { StreamEncoder } from "./StreamEncoder.ts"

/**
 * In a trace an encoder is a span as long as its stream, most of which it waits for the engine: `aviary.encoder_seconds` is what it
 * worked, or waited for its thread.
 */
export const spanned = <E, R>(options: EncoderOptions, opened: Effect.Effect<StreamEncoder, E, R>) =>
  Effect.gen(function* () {
    const span = yield* spanOfScope("Encoders.encode", {
      "aviary.format": options.format,
      "aviary.sample_rate": options.sampleRate,
    })
    const encoder = yield* opened
    if (span === undefined) return encoder
    let nanos = 0n
    const timed = <A, E>(work: Effect.Effect<A, E>): Effect.Effect<A, E> =>
      Effect.flatMap(Clock.currentTimeNanos, (began) =>
        Effect.ensuring(
          work,
          Effect.map(Clock.currentTimeNanos, (now) => {
            nanos += now - began
            span.attribute("aviary.encoder_seconds", Number(nanos) / 1_000_000_000)
          }),
        ),
      )
    return {
      ...encoder,
      encode: (samples) => timed(encoder.encode(samples)),
      flush: timed(encoder.flush),
    } satisfies StreamEncoder
  })
