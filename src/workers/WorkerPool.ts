import { type Duration, Effect, Exit, Layer, Pool, Schema, Scope, Stream } from "effect"
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import * as RpcClient from "effect/rpc/RpcClient"
import { RpcClientError } from "effect/rpc/RpcClientError"
import type * as Rpc from "effect/rpc/Rpc"
import type * as RpcGroup from "effect/rpc/RpcGroup"
import { WorkerError } from "effect/workers/WorkerError"
import type { ResourceLimits, Worker } from "node:worker_threads"
import { basename } from "node:path"
import { Ping } from "./Ping.ts"
import { type Started, startProcess } from "./Process.ts"
import { startThread } from "./Thread.ts"
import { ForgetfulSet } from "../collections/Forgetful.ts"

/** The worker that had a call died, was stopped for not answering, or could not start. It is replaced; the call is not repeated. */
export class WorkerLost extends Schema.TaggedError<WorkerLost>()("WorkerLost", { message: Schema.String }) {}

type Client<Rpcs extends Rpc.Any> = RpcClient.RpcClient<Rpcs, RpcClientError>
type Lost<E> = Exclude<E, RpcClientError> | WorkerLost

/**
 * Threads that each serve the same procedures (`WorkerServer.serve`).
 *
 * - `run`: a call on a worker with a free place; waits while all are taken.
 * - `stream`: the same for streamed answers; the worker is taken until the stream ends.
 *
 * Interrupting either interrupts the handler at its next yield. A worker that then does not answer within `unresponsiveAfter`
 * is stuck in synchronous work and is stopped, with whatever else it was doing; within a `nativeCall`, once that is over.
 */
export interface WorkerPool<Rpcs extends Rpc.Any> {
  readonly run: <A, E, R>(use: (client: Client<Rpcs>) => Effect.Effect<A, E, R>) => Effect.Effect<A, Lost<E>, R>
  readonly stream: <A, E, R>(use: (client: Client<Rpcs>) => Stream.Stream<A, E, R>) => Stream.Stream<A, Lost<E>, R>
}

/**
 * @property url the worker's own file, by `workerUrl`, which also holds once compiled to `.js`
 * @property size threads
 * @property concurrency calls that one thread may have at a time; default 1
 * @property unresponsiveAfter how long a worker may take to answer after an interruption; default 10 seconds
 * @property workerData what the thread finds in `workerData` of `node:worker_threads`, beside what `nativeCall` needs
 * @property startLimit time for one to start; default a minute
 * @property isolated whether each is a process of its own, which takes nothing with it when it crashes. It finds its `workerData` by
 *   `handed`; its `resourceLimits` are the system's
 */
export interface WorkerPoolOptions {
  readonly url: URL
  readonly size: number
  readonly concurrency?: number
  readonly unresponsiveAfter?: Duration.Input
  readonly workerData?: object
  readonly resourceLimits?: ResourceLimits
  readonly startLimit?: Duration.Input
  readonly isolated?: boolean
}

/** The file `name` beside `importMetaUrl`, `.ts` or `.js` as that one is. */
export const workerUrl = (name: string, importMetaUrl: string): URL =>
  new URL(`./${name}${importMetaUrl.endsWith(".ts") ? ".ts" : ".js"}`, importMetaUrl)

/** Starts the threads; they end with the scope. Returns once one of them answers, so a worker that cannot start fails here. */
export const make = Effect.fnUntraced(function* <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  options: WorkerPoolOptions,
): Effect.fn.Return<WorkerPool<Rpcs>, WorkerLost, Scope.Scope | Rpc.MiddlewareClient<Rpcs>> {
  const patience = options.unresponsiveAfter ?? "10 seconds"
  const poolScope = yield* Effect.scope
  const acquire = Effect.mapError(start(group, options, patience), (error) => toLost(error) as WorkerLost)
  const pool = yield* Pool.make({ acquire, size: options.size, concurrency: options.concurrency ?? 1 })

  // The pool's own end waits for every place to be left, so calls still under way have to fail first. Idle workers close in peace.
  const busy = new ForgetfulSet<Effect.Effect<void>>()
  let closing = false
  yield* Effect.addFinalizer(() => {
    closing = true
    return Effect.forEach(busy.members(), (stop) => stop, { concurrency: "unbounded", discard: true })
  })

  // A call that was interrupted keeps its place on the worker until the worker is known to be free.
  const take: Effect.Effect<Client<Rpcs>, WorkerLost, Scope.Scope> = Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const place = yield* Scope.make()
      const worker = yield* restore(Pool.get(pool)).pipe(
        Scope.provide(place),
        Effect.onError(() => Scope.close(place, Exit.void)),
      )
      if (closing) {
        yield* Scope.close(place, Exit.void)
        return yield* new WorkerLost({ message: "the pool is closing" })
      }
      if (worker.lost()) {
        yield* Pool.invalidate(pool, worker)
        yield* Scope.close(place, Exit.void)
        return yield* restore(take)
      }
      const slot = busy.add(worker.stop)
      yield* Effect.addFinalizer((exit) => {
        busy.delete(slot)
        const leave = Scope.close(place, Exit.void)
        if (closing || (Exit.isSuccess(exit) && !worker.lost())) return leave
        // Started at once: a fiber that is interrupted before it starts would never leave.
        return Effect.interruptible(worker.answers).pipe(
          Effect.flatMap((answers) =>
            answers ? Effect.void : Effect.andThen(worker.stop, Pool.invalidate(pool, worker)),
          ),
          Effect.ensuring(leave),
          Effect.forkIn(poolScope, { startImmediately: true }),
        )
      })
      return worker.client
    }),
  )

  yield* Effect.scoped(take)
  return {
    run: (use) => Effect.scoped(Effect.flatMap(take, use)).pipe(Effect.mapError(toLost)) as never,
    stream: (use) => Stream.unwrap(Effect.map(take, use)).pipe(Stream.mapError(toLost)) as never,
  }
})

/** Loading a model on a busy machine takes seconds; this only ends what will never start. */
const usualStartLimit = "1 minute"

const inThread = (options: WorkerPoolOptions): Started => {
  let lost = false
  let thread: Worker | undefined
  return {
    spawn: () => {
      thread = startThread(options.url, options.workerData, options.resourceLimits).once("exit", () => {
        lost = true
      })
      return thread
    },
    lost: () => lost,
    reason: () => Promise.resolve(undefined),
    stop: async () => thread?.terminate(),
  }
}

const start = Effect.fnUntraced(function* <Rpcs extends Rpc.Any>(
  group: RpcGroup.RpcGroup<Rpcs>,
  options: WorkerPoolOptions,
  patience: Duration.Input,
) {
  const worker = options.isolated === true ? startProcess(options.url, options.workerData ?? {}) : inThread(options)
  // One thread per protocol: Effect's own pool fails the calls of all its workers when one of them dies.
  const protocol = yield* Layer.build(
    RpcClient.layerProtocolWorker({ size: 1, concurrency: Number.POSITIVE_INFINITY }).pipe(
      Layer.provide(NodeWorker.layer(worker.spawn)),
    ),
  )
  const client = yield* RpcClient.make(group.add(Ping), { disableTracing: true }).pipe(Effect.provide(protocol))
  const ping = (client as unknown as Client<typeof Ping>).Ping()
  yield* ping.pipe(
    Effect.mapError(toLost),
    Effect.catch((error) =>
      Effect.flatMap(
        Effect.promise(worker.reason),
        (reason) => new WorkerLost({ message: reason ?? (error as WorkerLost).message }),
      ),
    ),
    Effect.timeoutOrElse({
      duration: options.startLimit ?? usualStartLimit,
      orElse: () => new WorkerLost({ message: `${basename(options.url.pathname)} did not start in time` }),
    }),
  )
  return {
    client,
    lost: worker.lost,
    answers: Effect.suspend(() =>
      worker.lost() ? Effect.succeed(false) : Effect.isSuccess(Effect.timeout(ping, patience)),
    ),
    stop: Effect.promise(worker.stop),
  }
})

const toLost = (error: unknown) =>
  error instanceof RpcClientError || error instanceof WorkerError ? new WorkerLost({ message: error.message }) : error
