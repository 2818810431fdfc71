import { Schema } from "effect"
import * as Transferable from "effect/workers/Transferable"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"

/** What the worker of `WorkerPool.test.ts` can be made to do. */
export const EchoRpcs = RpcGroup.make(
  Rpc.make("ThreadId", { success: Schema.Int }),
  Rpc.make("Count", { payload: { to: Schema.Int, size: Schema.Int }, success: Transferable.Uint8Array, stream: true }),
  Rpc.make("Made", { success: Schema.Int }),
  Rpc.make("Interrupted", { success: Schema.Int }),
  Rpc.make("Wait", { success: Schema.Literal("waiting"), stream: true }),
  Rpc.make("Throw"),
  Rpc.make("Refuse", { error: Schema.Literal("no") }),
  Rpc.make("Crash"),
  Rpc.make("Spin"),
  /** Waits in an addon, as it were, until the first number of `workerData.gate` is 1. Then the second is; the third, once it waits. */
  Rpc.make("Native"),
)
