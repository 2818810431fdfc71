import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { Word } from "../audio/Segment.ts"
import { WorkFailed } from "./WorkFailed.ts"

/** `Align` reads the samples from `from` to `to` and answers where each word of `text` lies; none where it cannot be that text. */
export const WordAlignerRpcs = RpcGroup.make(
  Rpc.make("Align", {
    payload: { path: Schema.String, from: Schema.Int, to: Schema.Int, text: Schema.String },
    success: Schema.Array(Word),
    error: WorkFailed,
  }),
)
