import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { Segment } from "../audio/Segment.ts"
import { WorkFailed } from "./WorkFailed.ts"

/** What a recognizer's thread does: `Listen` reads a recording's WAV file and answers its stretches of speech in order. */
export const RecognizerRpcs = RpcGroup.make(
  Rpc.make("Listen", {
    payload: { path: Schema.String, samples: Schema.Int },
    success: Segment,
    error: WorkFailed,
    stream: true,
  }),
)
