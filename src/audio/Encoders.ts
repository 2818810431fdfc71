import { Clock, Context, Duration, Effect, Layer, RcRef, Schedule, type Scope } from "effect"
import { workerUrl } from "../workers/WorkerPool.ts"
import { EncodeError, EncoderLost } from "./EncodeError.ts"
import { spanned } from "./EncoderSpan.ts"
import { type Answer, type EncoderThread, startEncoderThread } from "./EncoderThread.ts"
import { type EncoderOptions, makeEncoder } from "./format/Encoder.ts"
import type { Codec, Format } from "./format/Format.ts"
import { formats } from "./format/Formats.ts"
import type { StreamEncoder } from "./StreamEncoder.ts"

/** Each encodes 190 hours an hour. */
const mostThreads = 2

/** A thread has its hands full with so many streams, of engines that speak 30 times as fast as people. */
const crowded = 6

/** A thread that lived no longer than this is not replaced at once. */
const quickly = Duration.seconds(1)

/** How long a thread may be at one call, which takes it a millisecond, before it is replaced. */
const patience = Duration.seconds(30)

const brokeDown = (why: string) =>
  new EncodeError({ reason: new EncoderLost({ message: `the thread that encodes it broke down: ${why}` }) })

/** Keeps a thread running, and up to `size` while they have enough to do. Answers the one with the fewest streams. */
const keepThreads = Effect.fnUntraced(function* (size: number, url: URL) {
  const clock = yield* Clock.Clock
  const now = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
  const places: Array<EncoderThread | undefined> = Array.from({ length: size })

  const untilLost = (place: number) =>
    Effect.callback<string>((resume) => {
      const thread = startEncoderThread(url, now, (reason) => resume(Effect.succeed(reason)))
      places[place] = thread
      return Effect.promise(() => thread.stop())
    }).pipe(Effect.ensuring(Effect.sync(() => (places[place] = undefined))))
  const keep = Effect.fnUntraced(function* (place: number) {
    const startedAt = now()
    const reason = yield* untilLost(place)
    yield* Effect.logWarning("A thread that encodes speech broke down and is replaced.", reason)
    // One that cannot start would be started again and again.
    if (now() - startedAt < Duration.toMillis(quickly)) yield* Effect.sleep(quickly)
  })
  const keepAll = (kept: ReadonlyArray<number>) =>
    Effect.forEach(kept, (place) => Effect.forkScoped(Effect.forever(keep(place)), { startImmediately: true }), {
      discard: true,
    })
  const [first, ...rest] = places.keys()
  yield* keepAll([first!])
  // Each has memory of its own, from its first stream on.
  const others = yield* RcRef.make({ acquire: keepAll(rest), idleTimeToLive: "10 minutes" })

  const isStuck = (thread: EncoderThread) => now() - (thread.waitingSince() ?? Infinity) > Duration.toMillis(patience)
  const stopStuck = Effect.suspend(() =>
    Effect.forEach(
      places.filter((thread) => thread !== undefined && isStuck(thread)),
      (thread) => Effect.promise(() => thread!.stop()),
      { discard: true },
    ),
  )
  yield* stopStuck.pipe(Effect.schedule(Schedule.spaced(patience)), Effect.forkScoped)

  const leastBusy = (): EncoderThread | undefined =>
    places.reduce(
      (least, thread) =>
        thread !== undefined && !(thread.streams() >= (least?.streams() ?? Infinity)) ? thread : least,
      undefined,
    )
  return Effect.suspend(() => {
    const least = leastBusy()
    const isEnough = least !== undefined && least === places[first!] && least.streams() < crowded
    // Whoever has a stream on one of the others keeps them.
    return isEnough ? Effect.succeed(least) : Effect.map(RcRef.get(others), leastBusy)
  })
})

const answered = (answer: Answer) => ("lost" in answer ? Effect.fail(brokeDown(answer.lost)) : Effect.succeed(answer))

const make = Effect.fnUntraced(function* (size: number, url: URL) {
  const thread = yield* keepThreads(size, url)

  const open = Effect.fnUntraced(function* (options: EncoderOptions) {
    const stream = yield* Effect.acquireRelease(
      Effect.flatMap(thread, (found) =>
        found === undefined
          ? Effect.fail(brokeDown("its thread could not be started"))
          : Effect.succeed(found.open(options)),
      ),
      (stream) => Effect.sync(stream.close),
    )
    return {
      copies: true,
      encode: (samples) =>
        Effect.callback<Answer>((resume) => stream.encode(samples, (answer) => resume(Effect.succeed(answer)))).pipe(
          Effect.flatMap(answered),
          Effect.map(({ bytes }) => bytes),
        ),
      flush: Effect.callback<Answer>((resume) => stream.flush((answer) => resume(Effect.succeed(answer)))).pipe(
        Effect.flatMap(answered),
        Effect.map(({ bytes, head }) => ({ bytes, head })),
      ),
    } satisfies StreamEncoder
  })
  return Encoders.of({ open: cheaply(open) })
})

/** What costs nothing is encoded at once, and all else by `open`. */
const cheaply =
  (open: Encoders["Service"]["open"]): Encoders["Service"]["open"] =>
  (options) => {
    const codec = cheapCodec(options)
    return spanned(options, codec === undefined ? open(options) : Effect.succeed(encoderOf(codec)))
  }

/** Of samples that leave as they come. */
const cheapCodec = ({ format, inputSampleRate, sampleRate, speed = 1 }: EncoderOptions): Codec | undefined => {
  const { makeCheapCodec }: Format = formats[format]
  const asTheyCome = (inputSampleRate ?? sampleRate) === sampleRate && speed === 1
  return asTheyCome ? makeCheapCodec?.(sampleRate) : undefined
}

const encoderOf = (codec: Codec): Omit<StreamEncoder, "now"> & { readonly now: NonNullable<StreamEncoder["now"]> } => {
  let made = 0
  const counted = (bytes: Uint8Array) => {
    made += bytes.length
    return bytes
  }
  const now = (samples: Int16Array) => counted(codec.encode(samples))
  return {
    now,
    encode: (samples) => Effect.sync(() => now(samples)),
    flush: Effect.sync(() => {
      const bytes = counted(codec.flush())
      return { bytes, head: codec.head?.(made) }
    }),
  }
}

const openHere = Effect.fnUntraced(function* (options: EncoderOptions) {
  const codec = yield* Effect.acquireRelease(
    Effect.promise(() => makeEncoder(options)),
    (made) => Effect.sync(() => made.close?.()),
  )
  const { encode, flush } = encoderOf(codec)
  return { encode, flush } satisfies StreamEncoder
})

/**
 * Encodes speech in threads of its own: MP3 alone would take the event loop half a millisecond for each tenth of a second of speech, which
 * at 30 times real time is a sixth of it for every stream. What costs nothing is encoded where it is called.
 *
 * - `open`: an encoder for one stream, as long as the scope. A thread that breaks down fails the streams it has and is replaced.
 */
export class Encoders extends Context.Service<
  Encoders,
  { readonly open: (options: EncoderOptions) => Effect.Effect<StreamEncoder, EncodeError, Scope.Scope> }
>()("aviary/audio/Encoders") {
  static readonly layerThreads = (size: number, url = workerUrl("format/EncodeWorker", import.meta.url)) =>
    Layer.effect(Encoders, make(size, url))

  static readonly layer = Encoders.layerThreads(mostThreads)

  /** Where it is called, without a thread. */
  static readonly layerHere = Layer.succeed(Encoders, { open: cheaply(openHere) })
}
