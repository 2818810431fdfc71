import { Schema } from "effect"
import { reasonWords } from "../telemetry/ReasonWords.ts"

const decodedHere = ["flac", "mp3", "ogg", "opus", "wav", "webm"]
const decodedByFfmpeg = ["m4a", "mp4"]

/** `a, b and c`. */
const listed = (names: ReadonlyArray<string>, word: "and" | "or") =>
  `${names.slice(0, -1).join(", ")} ${word} ${names.at(-1)}`

const accepted = `Accepted are ${listed([...decodedHere, ...decodedByFfmpeg].toSorted(), "and")}.`

/** The file is not audio, or not audio that can be decoded here. */
export class Undecodable extends Schema.TaggedError<Undecodable>()("Undecodable", { message: Schema.String }) {}

/** The audio is longer than `limitSeconds`; a small file can hold days of silence. */
export class TooLong extends Schema.TaggedError<TooLong>()("TooLong", {
  message: Schema.String,
  limitSeconds: Schema.Finite,
}) {}

/** Only `ffmpeg` reads this format, and it is not on the PATH. */
export class FfmpegMissing extends Schema.TaggedError<FfmpegMissing>()("FfmpegMissing", { message: Schema.String }) {}

/** The decoder did not end in time, or its thread died of the file. */
export class DecoderGaveUp extends Schema.TaggedError<DecoderGaveUp>()("DecoderGaveUp", { message: Schema.String }) {}

/** Every decoder stayed taken for too long, or none could be started. */
export class DecoderBusy extends Schema.TaggedError<DecoderBusy>()("DecoderBusy", { message: Schema.String }) {}

/** The gateway's own disk failed. */
export class SpoolFailed extends Schema.TaggedError<SpoolFailed>()("SpoolFailed", { message: Schema.String }) {}

const Reason = Schema.Union([Undecodable, TooLong, FfmpegMissing, DecoderGaveUp, DecoderBusy, SpoolFailed])

/** Why an upload gave no recording. Each reason's `message` is fit for a client. */
export class DecodeError extends Schema.TaggedError<DecodeError>()("DecodeError", { reason: Reason }) {
  override get message(): string {
    return reasonWords(this.reason)
  }
}

/** @param why a sentence about the file; the accepted formats are added */
export const undecodable = (why: string): DecodeError =>
  new DecodeError({ reason: new Undecodable({ message: `${why} ${accepted}` }) })

/** @param limitSeconds the longest audio that is decoded */
export const tooLong = (limitSeconds: number): DecodeError =>
  new DecodeError({
    reason: new TooLong({
      message: `The audio is longer than ${limitSeconds} seconds. Send it in parts.`,
      limitSeconds,
    }),
  })

/** The one failure that the operator can end: the message says how. */
export const ffmpegMissing = (): DecodeError =>
  new DecodeError({
    reason: new FfmpegMissing({
      message:
        "This audio (AAC in m4a, mp4 or aac, a compressed wav, aiff, amr, au, caf, Speex, or an unusual codec in webm) is " +
        `decoded by ffmpeg, which this server does not have. Install ffmpeg on the server's PATH, or send ${listed(decodedHere, "or")} with Opus.`,
    }),
  })

/** There is no thread, or no process, to decode it: too few descriptors, too little memory. */
export const decoderUnable = (): DecodeError =>
  new DecodeError({
    reason: new DecoderBusy({ message: "No audio decoder can be started now. Try again in a moment." }),
  })

/** A failure of the disk: the client is told no path. */
export const spoolFailed = (error: unknown): DecodeError => {
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? ` (${error.code})` : ""
  return new DecodeError({ reason: new SpoolFailed({ message: `The upload could not be spooled to disk${code}.` }) })
}
