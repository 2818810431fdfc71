import { Effect, Layer } from "effect"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcServer from "effect/rpc/RpcServer"
import { Ping } from "./Ping.ts"

/**
 * Makes this thread serve `group`, until its owner closes it. The last line of a worker's own file.
 * Synchronous work must be cut in pieces with `Effect.yieldNow` or a macrotask between them, or no interruption gets through.
 */
export const serve = <Rpcs extends Rpc.Any, E>(
  group: RpcGroup.RpcGroup<Rpcs>,
  handlers: Layer.Layer<Rpc.ToHandler<Rpcs>, E>,
): void => {
  const pong = RpcGroup.make(Ping).toLayer({ Ping: () => Effect.void })
  const server = RpcServer.layer(group.merge(RpcGroup.make(Ping)) as RpcGroup.RpcGroup<typeof Ping>, {
    disableTracing: true,
    // A defect ends its own call, not every call of the thread.
    disableFatalDefects: true,
  }).pipe(
    Layer.provide([handlers, pong]),
    Layer.provide(RpcServer.layerProtocolWorkerRunner),
    Layer.provide(NodeWorkerRunner.layer),
  )
  NodeRuntime.runMain(Layer.launch(server))
}
