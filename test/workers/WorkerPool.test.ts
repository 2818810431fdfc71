import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import * as WorkerPool from "../../src/workers/WorkerPool.ts"
import { EchoRpcs } from "./EchoRpcs.ts"

const pool = (options: Omit<WorkerPool.WorkerPoolOptions, "url">) =>
  WorkerPool.make(EchoRpcs, { url: WorkerPool.workerUrl("EchoWorker", import.meta.url), ...options })

describe("WorkerPool", () => {
  it.live("works on other threads than this one", () =>
    Effect.gen(function* () {
      const { run } = yield* pool({ size: 1 })
      const id = yield* run((client) => client.ThreadId())
      assert.isAbove(id, 0)
    }),
  )

  it.live("streams bytes, and the worker does not run ahead of a reader that stands still", () =>
    Effect.gen(function* () {
      const { run, stream } = yield* pool({ size: 1, concurrency: 2 })
      const halfway = yield* Deferred.make<void>()
      const go = yield* Deferred.make<void>()
      const reader = yield* stream((client) => client.Count({ to: 500, size: 1000 }, { streamBufferSize: 2 })).pipe(
        Stream.tap((bytes) =>
          bytes[0] === 3 ? Effect.andThen(Deferred.succeed(halfway, undefined), Deferred.await(go)) : Effect.void,
        ),
        Stream.runFold(
          () => 0,
          (sum, bytes) => sum + bytes.length,
        ),
        Effect.forkChild,
      )
      yield* Deferred.await(halfway)
      // Each of these is a round trip, in which a worker that did not wait would make everything.
      const made = yield* Effect.replicateEffect(
        run((client) => client.Made()),
        20,
      )
      assert.isBelow(Math.max(...made), 20)
      yield* Deferred.succeed(go, undefined)
      assert.strictEqual(yield* Fiber.join(reader), 500_000)
    }),
  )

  it.live("interrupts the handler of an interrupted call, and keeps the worker", () =>
    Effect.gen(function* () {
      const { run, stream } = yield* pool({ size: 1 })
      const before = yield* run((client) => client.ThreadId())
      const started = yield* Deferred.make<void>()
      const waiting = yield* stream((client) => client.Wait()).pipe(
        Stream.runForEach(() => Deferred.succeed(started, undefined)),
        Effect.forkChild,
      )
      yield* Deferred.await(started)
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(yield* run((client) => client.Interrupted()), 1)
      assert.strictEqual(yield* run((client) => client.ThreadId()), before)
    }),
  )

  it.live("fails only the calls of the worker that died, and replaces it", () =>
    Effect.gen(function* () {
      const { run, stream } = yield* pool({ size: 2 })
      const started = yield* Deferred.make<void>()
      const bystander = yield* stream((client) => client.Wait()).pipe(
        Stream.runForEach(() => Deferred.succeed(started, undefined)),
        Effect.forkChild,
      )
      yield* Deferred.await(started)
      const crashed = yield* Effect.flip(run((client) => client.Crash()))
      assert.instanceOf(crashed, WorkerPool.WorkerLost)
      assert.isAbove(yield* run((client) => client.ThreadId()), 0)
      assert.isUndefined(bystander.pollUnsafe())
    }),
  )

  it.live("stops a worker that spins on after its call was interrupted", () =>
    Effect.gen(function* () {
      const { run } = yield* pool({ size: 1, unresponsiveAfter: "1 second" })
      const before = yield* run((client) => client.ThreadId())
      yield* run((client) => client.Spin()).pipe(Effect.timeoutOption(100))
      assert.notStrictEqual(yield* run((client) => client.ThreadId()), before)
    }),
  )

  it.live("stops a worker that is inside an addon only once it is outside", () =>
    Effect.gen(function* () {
      const gate = new Int32Array(new SharedArrayBuffer(12))
      const { run } = yield* pool({ size: 1, unresponsiveAfter: 1, workerData: { gate } })
      const before = yield* run((client) => client.ThreadId())
      const inside = yield* Effect.forkChild(run((client) => client.Native()))
      yield* Effect.promise(async () => await Atomics.waitAsync(gate, 2, 0).value)
      const after = yield* Effect.forkChild(run((client) => client.ThreadId()))
      yield* Fiber.interrupt(inside)
      // By now a thread that can be stopped would have been, and replaced.
      yield* Effect.timeoutOption(Fiber.join(after), "300 millis")
      Atomics.store(gate, 0, 1)
      Atomics.notify(gate, 0)
      assert.notStrictEqual(yield* Fiber.join(after), before)
      assert.strictEqual(Atomics.load(gate, 1), 1)
    }),
  )

  it.live("survives a bug in a handler: the call dies, the worker stays", () =>
    Effect.gen(function* () {
      const { run } = yield* pool({ size: 1 })
      const before = yield* run((client) => client.ThreadId())
      assert.isTrue(Exit.hasDies(yield* Effect.exit(run((client) => client.Throw()))))
      assert.strictEqual(yield* run((client) => client.ThreadId()), before)
    }),
  )

  it.live("fails the calls still under way when its scope closes, and ends the threads", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { stream } = yield* pool({ size: 1 }).pipe(Scope.provide(scope))
      const started = yield* Deferred.make<void>()
      const waiting = yield* stream((client) => client.Wait()).pipe(
        Stream.runForEach(() => Deferred.succeed(started, undefined)),
        Effect.forkChild,
      )
      yield* Deferred.await(started)
      yield* Scope.close(scope, Exit.void)
      assert.instanceOf(yield* Effect.flip(Fiber.join(waiting)), WorkerPool.WorkerLost)
    }),
  )

  it.live("closes promptly with calls still waiting for a worker", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { stream } = yield* pool({ size: 1 }).pipe(Scope.provide(scope))
      const started = yield* Deferred.make<void>()
      const calls = yield* Effect.replicateEffect(
        stream((client) => client.Wait()).pipe(
          Stream.runForEach(() => Deferred.succeed(started, undefined)),
          Effect.forkChild,
        ),
        5,
      )
      yield* Deferred.await(started)
      yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("4 seconds"))
      const exits = yield* Effect.forEach(calls, Fiber.await)
      assert.isTrue(exits.every(Exit.isFailure))
    }),
  )

  it.live("closes promptly right after calls were interrupted", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { run } = yield* pool({ size: 1 }).pipe(Scope.provide(scope))
      const calls = yield* Effect.replicateEffect(Effect.forkChild(run((client) => client.Made())), 400)
      yield* Effect.sleep(3)
      yield* Fiber.interruptAll(calls)
      yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("4 seconds"))
    }),
  )

  for (const [size, concurrency] of [
    [1, 1],
    [1, 3],
    [2, 2],
  ] as const) {
    it.live(`closes promptly around calls that failed (${size} threads of ${concurrency})`, () =>
      Effect.gen(function* () {
        for (const failures of [1, 2, 7]) {
          const scope = yield* Scope.make()
          const { run } = yield* pool({ size, concurrency }).pipe(Scope.provide(scope))
          const refused = Effect.flip(run((client) => client.Refuse()))
          const calls = yield* Effect.replicateEffect(Effect.forkChild(refused), 40)
          const first = yield* Effect.forEach(calls.slice(0, failures), Fiber.join)
          assert.isTrue(first.every((error) => error === "no"))
          // The others are waiting for a place, at work, just done, or proving that they have left.
          yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("4 seconds"))
          const exits = yield* Effect.forEach(calls, Fiber.await).pipe(Effect.timeout("1 second"))
          assert.isTrue(
            exits.every(
              (exit) =>
                Exit.hasInterrupts(exit) ||
                (Exit.isSuccess(exit) && (exit.value === "no" || exit.value instanceof WorkerPool.WorkerLost)),
            ),
          )
        }
      }),
    )
  }

  it.live("fails to be made when the worker cannot start", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        WorkerPool.make(EchoRpcs, {
          url: WorkerPool.workerUrl("NoSuchWorker", import.meta.url),
          size: 1,
          unresponsiveAfter: "5 seconds",
        }),
      )
      assert.instanceOf(error, WorkerPool.WorkerLost)
    }),
  )
})
