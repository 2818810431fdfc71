import { Cause, Effect, Exit, Layer } from "effect"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcServer from "effect/rpc/RpcServer"
import { isMainThread, workerData } from "node:worker_threads"
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
  if (!isMainThread) NodeRuntime.runMain(Layer.launch(server))
  else serveAlone(Layer.launch(server))
}

/**
 * A process of its own goes when its owner does, not before: what stops a service or a terminal's program tells all of its processes, and
 * the owner has requests to finish.
 */
const serveAlone = (main: Effect.Effect<never, unknown>): void => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {})
  process.on("disconnect", () => process.exit())
  Effect.runCallback(main, {
    onExit: (exit) => {
      if (Exit.isFailure(exit)) process.stderr.write(`${Cause.pretty(exit.cause)}\n`)
      process.exit(Exit.isSuccess(exit) ? 0 : 1)
    },
  })
}

/** What the owner of a process of its own, or of a thread, has handed to it. */
export const handed = (): unknown => (!isMainThread ? workerData : (JSON.parse(process.argv[2] ?? "{}") as unknown))
