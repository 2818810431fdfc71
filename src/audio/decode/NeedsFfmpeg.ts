import { Schema } from "effect"

/** The worker's answer to audio that only `ffmpeg` decodes; `demuxer` is the one that ffmpeg is held to, from `skipBytes` on. */
export class NeedsFfmpeg extends Schema.TaggedError<NeedsFfmpeg>()("NeedsFfmpeg", {
  demuxer: Schema.Literals(["mov", "aac", "matroska", "wav", "aiff", "amr", "au", "caf", "ogg"]),
  skipBytes: Schema.Int,
}) {}
