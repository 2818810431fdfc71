import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { Word } from "../audio/Segment.ts"

/** The recording could not be read, or the aligner failed at it. */
export class WordAlignerFailed extends Schema.TaggedError<WordAlignerFailed>()("WordAlignerFailed", {
  message: Schema.String,
}) {}

/** `Align` reads the samples from `from` to `to` and answers where each word of `text` lies; none where it cannot be that text. */
export const WordAlignerRpcs = RpcGroup.make(
  Rpc.make("Align", {
    payload: { path: Schema.String, from: Schema.Int, to: Schema.Int, text: Schema.String },
    success: Schema.Array(Word),
    error: WordAlignerFailed,
  }),
)
