import { Effect, FileSystem, Stream } from "effect"
import { ChildProcess, type ChildProcessSpawner } from "effect/process"
import { createHash } from "node:crypto"
import { type DecodeError, decoderUnable, ffmpegMissing, spoolFailed, tooLong, undecodable } from "../DecodeError.ts"
import { recordingSampleRate } from "../Recording.ts"
import { wavHeader } from "../Wav.ts"
import type { DecodeFile } from "./decodeFile.ts"
import type { NeedsFfmpeg } from "./NeedsFfmpeg.ts"
import type { Written } from "./RecordingWriter.ts"

/** @property command name or path of the program */
interface FfmpegOptions extends DecodeFile {
  readonly command: string
  readonly demuxer: NeedsFfmpeg["demuxer"]
}

/** What a file says of itself may ask for gigabytes: a rate of 16 MHz, a table of a billion samples. */
const largestAllocationBytes = 134_217_728

/** Audio alone: a film's pictures would be decoded too, to learn what they are. */
const codecs =
  "aac,alac,mp3float,mp3,mp2float,mp2,opus,libopus,vorbis,flac,ac3,eac3,pcm_s16le,pcm_s16be,pcm_s24le,pcm_f32le"

/**
 * The demuxer is named and only files may be opened, since a playlist in disguise would have ffmpeg fetch what the
 * client likes. None of the gateway's secrets are in its environment.
 */
const ffmpeg = ({ command, demuxer, input, maxSeconds }: FfmpegOptions) =>
  ChildProcess.make(
    command,
    [
      ...["-nostdin", "-hide_banner", "-loglevel", "quiet", "-threads", "1"],
      ...["-max_alloc", String(largestAllocationBytes), "-codec_whitelist", codecs, "-vn", "-sn", "-dn"],
      ...["-protocol_whitelist", "file,pipe", "-f", demuxer, "-i", `file:${input}`],
      ...["-map", "0:a:0", "-ac", "1", "-ar", String(recordingSampleRate)],
      ...["-t", String(maxSeconds + 1), "-f", "s16le", "pipe:1"],
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
      let dataBytes = 0
      yield* write(wavHeader(recordingSampleRate, 0))
      yield* child.stdout.pipe(
        Stream.mapError(() => undecodable("The audio might be corrupted or is not supported.")),
        Stream.runForEach((bytes) => {
          dataBytes += bytes.length
          if (dataBytes > maxSeconds * recordingSampleRate * 2) return tooLong(maxSeconds)
          hash.update(bytes)
          return write(bytes)
        }),
      )
      const exitCode = yield* Effect.orElseSucceed(child.exitCode, () => 1)
      const samples = Math.floor(dataBytes / 2)
      if (exitCode !== 0 || samples === 0) {
        return yield* undecodable("The audio might be corrupted or is not supported.")
      }
      yield* file.seek(0n, "start").pipe(Effect.mapError((error) => spoolFailed(error.cause)))
      yield* write(wavHeader(recordingSampleRate, samples * 2))
      return { samples, sha256: hash.digest("hex") }
    }),
  )
})
