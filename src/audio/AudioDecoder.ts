import { Context, type Duration, Effect, FileSystem, Layer, RcRef, type Scope, Semaphore, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import type { ScratchFolder } from "../scratch/ScratchFolder.ts"
import { make as makePool, workerUrl } from "../workers/WorkerPool.ts"
import {
  DecodeError,
  DecoderBusy,
  DecoderGaveUp,
  decoderUnable,
  ffmpegMissing,
  spoolFailed,
  tooLong,
  undecodable,
} from "./DecodeError.ts"
import { DecodeRpcs } from "./decode/DecodeRpcs.ts"
import { type DecodedRecording, recordingSampleRate } from "./Recording.ts"
import { createHash } from "node:crypto"
import { wavHeader } from "./WavHeader.ts"
import type { DecodeFile, Written } from "./decode/decodeFile.ts"
import type { NeedsFfmpeg } from "./decode/NeedsFfmpeg.ts"
import { makeWavStream } from "./decode/WavStream.ts"

/** @property command name or path of the program */
interface FfmpegOptions extends DecodeFile {
  readonly command: string
  readonly demuxer: NeedsFfmpeg["demuxer"]
  readonly skipBytes: number
}

/** What a file says of itself may ask for gigabytes: a rate of 16 MHz, a table of a billion samples. */
const largestAllocationBytes = 134_217_728

/** Audio alone: a film's pictures would be decoded too, to learn what they are. */
const codecs = [
  ...["aac", "alac", "mp3float", "mp3", "mp2float", "mp2", "opus", "libopus", "vorbis", "flac", "ac3", "eac3"],
  ...["amrnb", "amrwb", "gsm", "gsm_ms", "speex", "libspeex"],
  ...["adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_yamaha", "g722", "g726", "g726le"],
  ...["pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"],
  ...["pcm_s32le", "pcm_s32be", "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"],
].join(",")

/**
 * The demuxer is named and only files may be opened, since a playlist in disguise would have ffmpeg fetch what the
 * client likes. None of the gateway's secrets are in its environment.
 */
const ffmpeg = ({ command, demuxer, input, maxSeconds, skipBytes }: FfmpegOptions) =>
  ChildProcess.make(
    command,
    [
      ...["-nostdin", "-hide_banner", "-loglevel", "quiet", "-threads", "1"],
      ...["-max_alloc", String(largestAllocationBytes), "-codec_whitelist", codecs, "-vn", "-sn", "-dn"],
      // An mp4 says where its samples are, counted from its own beginning, so that no option which merely skips would do.
      ...["-protocol_whitelist", "file,pipe,subfile", "-f", demuxer],
      ...["-i", `${skipBytes === 0 ? "" : `subfile,,start,${skipBytes},end,0,,:`}file:${input}`],
      // More than two channels become two: dialogue of a film is in the middle one of six.
      ...["-map", "0:a:0", "-af", "aformat=channel_layouts=mono|stereo", "-ar", String(recordingSampleRate)],
      ...["-t", String(maxSeconds + 1), "-c:a", "pcm_s16le", "-f", "wav", "pipe:1"],
    ],
    {
      env: { PATH: process.env["PATH"], LD_LIBRARY_PATH: process.env["LD_LIBRARY_PATH"] },
      stdin: "ignore",
      stderr: "ignore",
      killSignal: "SIGKILL",
    },
  )

/** What the system says where there is no such program. Anything else passes: no descriptor, no process, no memory left. */
const absent: ReadonlySet<string> = new Set(["NotFound", "PermissionDenied"])

/** `decodeFile` by ffmpeg as a child process, which dies with the fiber. */
const decodeWithFfmpeg = Effect.fnUntraced(function* (
  options: FfmpegOptions,
  fs: FileSystem.FileSystem,
  spawner: ChildProcessSpawner.ChildProcessSpawner["Service"],
): Effect.fn.Return<Written, DecodeError> {
  const { maxSeconds, output } = options
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const file = yield* fs.open(output, { flag: "r+" }).pipe(Effect.mapError((error) => spoolFailed(error.cause)))
      const child = yield* spawner
        .spawn(ffmpeg(options))
        .pipe(Effect.mapError(({ reason }) => (absent.has(reason._tag) ? ffmpegMissing() : decoderUnable())))
      const write = (bytes: Uint8Array) =>
        file.writeAll(bytes).pipe(Effect.mapError((error) => spoolFailed(error.cause)))
      const hash = createHash("sha256")
      const reader = makeWavStream()
      let samples = 0
      const append = (mono: Int16Array) => {
        samples += mono.length
        if (samples > maxSeconds * recordingSampleRate) return tooLong(maxSeconds)
        const bytes = new Uint8Array(mono.buffer, mono.byteOffset, mono.byteLength)
        hash.update(bytes)
        return write(bytes)
      }
      yield* write(wavHeader(recordingSampleRate, 0))
      yield* child.stdout.pipe(
        Stream.mapError(() => undecodable("The audio might be corrupted or is not supported.")),
        Stream.runForEach((bytes) => append(reader.read(bytes))),
      )
      yield* append(reader.flush())
      const exitCode = yield* Effect.orElseSucceed(child.exitCode, () => 1)
      if (exitCode !== 0 || samples === 0) {
        return yield* undecodable("The audio might be corrupted or is not supported.")
      }
      yield* file.seek(0n, "start").pipe(Effect.mapError((error) => spoolFailed(error.cause)))
      yield* write(wavHeader(recordingSampleRate, samples * 2))
      return { samples, sha256: hash.digest("hex") }
    }),
  )
})

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
