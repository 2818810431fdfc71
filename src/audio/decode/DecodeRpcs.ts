import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { DecodeError } from "../DecodeError.ts"
import { NeedsFfmpeg } from "./NeedsFfmpeg.ts"

/** What a decoder's thread does: see `decodeFile`. Answers the number of samples and their hash. */
export const DecodeRpcs = RpcGroup.make(
  Rpc.make("Decode", {
    payload: { input: Schema.String, output: Schema.String, maxSeconds: Schema.Finite },
    success: Schema.Struct({ samples: Schema.Int, sha256: Schema.String }),
    error: Schema.Union([DecodeError, NeedsFfmpeg]),
  }),
)
