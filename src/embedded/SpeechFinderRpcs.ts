import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { WorkFailed } from "./WorkFailed.ts"

/** `Find` reads a recording's WAV file and answers where speech is in it, in samples and in order. */
export const SpeechFinderRpcs = RpcGroup.make(
  Rpc.make("Find", {
    payload: { path: Schema.String, samples: Schema.Int },
    success: Schema.Struct({ from: Schema.Int, to: Schema.Int }),
    error: WorkFailed,
    stream: true,
  }),
)
