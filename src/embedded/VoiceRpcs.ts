import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Transferable from "effect/workers/Transferable"
import { WorkFailed } from "./WorkFailed.ts"

/**
 * What the process of a voice does: `Say` speaks a text, a sentence at a time, and answers mono samples, signed 16-bit little endian, at
 * the rate that `About` tells. `speaker` is a number from 0; `speed` 1 is the voice's own pace.
 */
export const VoiceRpcs = RpcGroup.make(
  Rpc.make("About", { success: Schema.Struct({ sampleRate: Schema.Int }) }),
  Rpc.make("Say", {
    payload: { text: Schema.String, speaker: Schema.Int, speed: Schema.Finite },
    success: Transferable.Uint8Array,
    error: WorkFailed,
    stream: true,
  }),
)
