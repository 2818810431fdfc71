import { Context, type Duration, Effect, FileSystem, Layer, RcRef, type Scope, Semaphore } from "effect"
import { ChildProcessSpawner } from "effect/process"
import type { ScratchFolder } from "../scratch/ScratchFolder.ts"
import { make as makePool, workerUrl } from "../workers/WorkerPool.ts"
import { DecodeError, DecoderBusy, decoderUnable, DecoderGaveUp, spoolFailed } from "./DecodeError.ts"
import { DecodeRpcs } from "./decode/DecodeRpcs.ts"
import { decodeWithFfmpeg } from "./decode/Ffmpeg.ts"
import type { DecodedRecording } from "./Recording.ts"

/**
 * @property scratch where recordings live while their scope is open
 * @property workers files decoded at a time; default 2
 * @property timeLimit for one file; default 5 minutes
 * @property waitLimit for a free decoder; default 1 minute
 * @property maxSeconds the longest audio at the moment; default 4 hours
 * @property ffmpeg name or path of the program for all that the threads do not decode; default `ffmpeg`
 */
export interface AudioDecoderOptions {
  readonly scratch: ScratchFolder
  readonly workers?: number | undefined
  readonly timeLimit?: Duration.Input | undefined
  readonly waitLimit?: Duration.Input | undefined
  readonly maxSeconds?: (() => number) | undefined
  readonly ffmpeg?: string | undefined
}

const failure = (reason: DecodeError["reason"]) => new DecodeError({ reason })

const lost = () =>
  failure(new DecoderGaveUp({ message: "The decoder broke down over this audio, which might be corrupted." }))

const late = () => failure(new DecoderGaveUp({ message: "The audio took too long to decode." }))

/** Too few descriptors or too little memory for another thread: no fault of the file, which it has not seen. */
const unable = (message: string) =>
  Effect.andThen(Effect.logWarning("A decoder could not be started.", message), Effect.fail(decoderUnable()))

const busy = () => failure(new DecoderBusy({ message: "Every audio decoder is busy. Try again in a moment." }))

const make = Effect.fnUntraced(function* ({
  scratch,
  workers = 2,
  timeLimit = "5 minutes",
  waitLimit = "1 minute",
  maxSeconds = () => 4 * 60 * 60,
  ffmpeg = "ffmpeg",
}: AudioDecoderOptions) {
  const fs = yield* FileSystem.FileSystem
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  // Two idle threads hold 110 MB, which a gateway that only speaks has no use for.
  const decoders = yield* RcRef.make({
    acquire: makePool(DecodeRpcs, {
      url: workerUrl("decode/DecodeWorker", import.meta.url),
      size: workers,
      resourceLimits: { maxOldGenerationSizeMb: 256 },
    }),
    idleTimeToLive: "10 minutes",
  })
  const turns = yield* Semaphore.make(workers)

  const decode = Effect.fn("AudioDecoder.decode")(function* <E = never, R = never>(
    input: string,
    limit: Effect.Effect<number, E, R> = Effect.sync(maxSeconds),
  ) {
    const output = yield* Effect.mapError(scratch.file, (error) => spoolFailed(error.cause))
    const written = yield* Effect.scoped(
      Effect.gen(function* () {
        yield* turns.takeScoped(1).pipe(Effect.timeoutOrElse({ duration: waitLimit, orElse: busy }))
        const request = { input, output, maxSeconds: Math.min(yield* limit, maxSeconds()) }
        // The limit lies inside the call: the pool looks after a worker whose call failed.
        let begun = false
        const byWorker = Effect.flatMap(RcRef.get(decoders), (pool) =>
          pool.run((client) => {
            begun = true
            return client.Decode(request).pipe(Effect.timeoutOrElse({ duration: timeLimit, orElse: late }))
          }),
        )
        return yield* byWorker.pipe(
          Effect.catchTag("WorkerLost", ({ message }) => (begun ? lost() : unable(message))),
          Effect.catchTag("NeedsFfmpeg", ({ demuxer, skipBytes }) =>
            decodeWithFfmpeg({ ...request, demuxer, skipBytes, command: ffmpeg }, fs, spawner).pipe(
              Effect.timeoutOrElse({ duration: timeLimit, orElse: late }),
            ),
          ),
        )
      }),
    )
    return { ...written, path: output }
  })

  return AudioDecoder.of({ decode, maxSeconds })
})

/**
 * Turns an uploaded file into a recording: wav, flac, mp3, and Opus or Vorbis in Ogg, Opus in WebM in worker threads, what
 * else there is by ffmpeg: AAC, compressed WAV, aiff, amr, au, caf, Speex. The bytes say what a file is, not its name. The recording's file goes with the scope.
 *
 * - `decode`: no further than `maxSeconds`, if that is less than the longest audio, and `TooLong` beyond it; it is asked once
 *   the file's turn has come
 * - `maxSeconds`: the longest audio at the moment
 */
export class AudioDecoder extends Context.Service<
  AudioDecoder,
  {
    readonly decode: <E = never, R = never>(
      path: string,
      maxSeconds?: Effect.Effect<number, E, R>,
    ) => Effect.Effect<DecodedRecording, DecodeError | E, Scope.Scope | R>
    readonly maxSeconds: () => number
  }
>()("aviary/audio/AudioDecoder") {
  static readonly layer = (
    options: AudioDecoderOptions,
  ): Layer.Layer<AudioDecoder, never, FileSystem.FileSystem | ChildProcessSpawner.ChildProcessSpawner> =>
    Layer.effect(AudioDecoder, make(options))
}
