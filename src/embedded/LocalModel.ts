import { Effect, type Scope } from "effect"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import { availableParallelism } from "node:os"
import * as WorkerPool from "../workers/WorkerPool.ts"
import { ModelFolderError } from "./ModelFolder.ts"

/** Processors that one call uses: all but one, at most four. */
export const localThreads = Math.max(1, Math.min(4, availableParallelism() - 1))

/** A stretch of 20 seconds takes a large model that long on a slow processor. */
const unresponsiveAfter = "2 minutes"

/** Gigabytes are read from a slow disk. */
const startLimit = "5 minutes"

/**
 * Starts the process that runs a model. sherpa-onnx ends its process where a model is wrong, and at some texts: it must not be the
 * gateway's. Fails where the model cannot be loaded, in the words that were its last.
 */
export const startLocal = Effect.fnUntraced(function* <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  worker: string,
  setting: string,
  { kind, name }: { readonly kind: string; readonly name: string },
  options: Pick<WorkerPool.WorkerPoolOptions, "concurrency" | "workerData">,
): Effect.fn.Return<WorkerPool.WorkerPool<Rpcs>, ModelFolderError, Scope.Scope | Rpc.MiddlewareClient<Rpcs>> {
  return yield* WorkerPool.make(group, {
    url: WorkerPool.workerUrl(worker, import.meta.url),
    size: 1,
    isolated: true,
    unresponsiveAfter,
    startLimit,
    ...options,
  }).pipe(
    Effect.mapError(
      ({ message }) =>
        new ModelFolderError({ message: `${setting}: ${name}, a ${kind} by its files, cannot be loaded: ${message}` }),
    ),
  )
})
