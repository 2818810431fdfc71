import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import * as AnsweringThread from "../../src/workers/AnsweringThread.ts"
import { workerUrl } from "../../src/workers/WorkerPool.ts"
import type { Data, Question } from "./PupilWorker.ts"

const pupil = (patienceMillis = 60_000, data: Data = { closed: new Int32Array(new SharedArrayBuffer(4)) }) =>
  AnsweringThread.make<Question, number>({
    url: workerUrl("PupilWorker", import.meta.url),
    workerData: data,
    patienceMillis,
  })

describe("a thread that answers questions", () => {
  it.live("answers each with its own answer, also after one that nobody waits for any more", () =>
    Effect.gen(function* () {
      const { ask } = yield* pupil()
      yield* ask(0)
      const left = yield* Effect.forkChild(ask(100), { startImmediately: true })
      const rest = Effect.forEach([1, 2, 3], ask, { concurrency: "unbounded" })
      yield* Fiber.interrupt(left)
      assert.deepStrictEqual(yield* rest, [2, 4, 6])
    }).pipe(Effect.scoped),
  )

  it.live("one that throws says why, and answers the next", () =>
    Effect.gen(function* () {
      const { ask } = yield* pupil()
      assert.include((yield* Effect.flip(ask("throw"))).message, "a bug")
      assert.strictEqual(yield* ask(4), 8)
    }).pipe(Effect.scoped),
  )

  it.live("all that one is asked that dies are told, and the next question starts another", () =>
    Effect.gen(function* () {
      const { ask } = yield* pupil()
      const exits = yield* Effect.forEach(["die", 1] as const, (one) => Effect.exit(ask(one)), {
        concurrency: "unbounded",
      })
      assert.isTrue(exits.every(Exit.isFailure))
      assert.strictEqual(yield* ask(5), 10)
    }).pipe(Effect.scoped),
  )

  it.live("one that does not answer in time is stopped, unless it was given all the time it needs", () =>
    Effect.gen(function* () {
      const { ask, await: awaitIt } = yield* pupil(300)
      assert.include((yield* Effect.flip(ask("hang"))).message, "in time")
      // Asked of the thread that hangs, and so lost with it.
      assert.isTrue(Exit.isFailure(yield* Effect.exit(awaitIt(1))))
      assert.strictEqual(yield* awaitIt(2), 4)
    }).pipe(Effect.scoped),
  )

  it.live("an idle one closes what it has open when its scope ends, one at work is ended", () =>
    Effect.gen(function* () {
      const closed = new Int32Array(new SharedArrayBuffer(4))
      yield* Effect.scoped(Effect.flatMap(pupil(60_000, { closed }), ({ ask }) => ask(1)))
      assert.strictEqual(closed[0], 1)
      const working = yield* Effect.scoped(
        Effect.gen(function* () {
          const { ask } = yield* pupil()
          yield* ask(1)
          return yield* Effect.forkDetach(Effect.exit(ask("hang")), { startImmediately: true })
        }),
      )
      assert.isTrue(Exit.isFailure(yield* Fiber.join(working)))
    }),
  )
})
