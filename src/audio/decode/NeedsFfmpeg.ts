import { Schema } from "effect"

/** The worker's answer to audio that only `ffmpeg` decodes; `demuxer` is the one that ffmpeg is held to. */
export class NeedsFfmpeg extends Schema.TaggedError<NeedsFfmpeg>()("NeedsFfmpeg", {
  demuxer: Schema.Literals(["mov", "aac", "matroska"]),
}) {}
