import { Effect, FileSystem, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { createHash } from "node:crypto"
import { type DecodeError, decoderUnable, ffmpegMissing, spoolFailed, tooLong, undecodable } from "../DecodeError.ts"
import { recordingSampleRate } from "../Recording.ts"
import { wavHeader } from "../WavHeader.ts"
import type { DecodeFile } from "./decodeFile.ts"
import type { NeedsFfmpeg } from "./NeedsFfmpeg.ts"
import type { Written } from "./RecordingWriter.ts"
import { makeWavStream } from "./WavStream.ts"

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
export const decodeWithFfmpeg = Effect.fnUntraced(function* (
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
