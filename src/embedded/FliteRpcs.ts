import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Transferable from "effect/workers/Transferable"
import { WorkFailed } from "./WorkFailed.ts"

/**
 * What a Flite thread does: `Say` speaks one ASCII sentence and answers 16 kHz mono samples, signed 16-bit little endian.
 * With `ssml` it is such a document, in Flite's phones. `voice` is Flite's own name; an unknown one would be spoken by another voice.
 */
export const FliteRpcs = RpcGroup.make(
  Rpc.make("Say", {
    payload: { text: Schema.String, voice: Schema.String, ssml: Schema.Boolean },
    success: Transferable.Uint8Array,
    error: WorkFailed,
  }),
)
