import { Deferred, Effect, Exit, Queue, type Scope } from "effect"
import { BillingError } from "./BillingError.ts"
import type { Answered, Asked } from "./Operations.ts"

interface Waiting {
  readonly asked: Asked
  readonly answered: Deferred.Deferred<unknown, BillingError>
}

/** Operations that may wait, and operations in one transaction. */
const capacity = 10_000
const groupSize = 512

const closed = BillingError.unavailable("lost", "the ledger was closed")

export const exitOf = (answered: Answered): Exit.Exit<unknown, BillingError> =>
  "refused" in answered ? Exit.fail(new BillingError({ reason: answered.refused })) : Exit.succeed(answered.answer)

/**
 * Lets concurrent operations share a transaction: while one is on its way to the disk, the next gathers. Each waits for its own.
 * One that is interrupted before its group is sent is not made; afterwards it is made all the same.
 */
export const gather = Effect.fnUntraced(function* (
  send: (group: ReadonlyArray<Asked>) => Effect.Effect<ReadonlyArray<Answered>, BillingError>,
): Effect.fn.Return<(asked: Asked) => Effect.Effect<unknown, BillingError>, never, Scope.Scope> {
  const queue = yield* Queue.dropping<Waiting>(capacity)
  const left = new WeakSet<Waiting>()

  const sendGroup = (taken: ReadonlyArray<Waiting>) =>
    Effect.uninterruptibleMask((restore) => answerGroup(taken, (group) => restore(send(group))))

  const answerGroup = Effect.fnUntraced(function* (taken: ReadonlyArray<Waiting>, sent: typeof send) {
    const group = taken.filter((waiting) => !left.has(waiting))
    if (group.length === 0) return
    const exit = yield* Effect.exit(sent(group.map((waiting) => waiting.asked)))
    group.forEach((waiting, index) => {
      const answered = Exit.isSuccess(exit) ? exit.value[index] : undefined
      Deferred.doneUnsafe(
        waiting.answered,
        answered === undefined
          ? Exit.isFailure(exit) && !Exit.hasInterrupts(exit)
            ? (exit as Exit.Exit<never, BillingError>)
            : Exit.fail(closed)
          : exitOf(answered),
      )
    })
  })

  yield* Effect.addFinalizer(() =>
    Effect.map(Queue.clear(queue), (rest) => {
      Queue.shutdownUnsafe(queue)
      for (const waiting of rest) Deferred.doneUnsafe(waiting.answered, Effect.fail(closed))
    }),
  )
  yield* Queue.takeBetween(queue, 1, groupSize).pipe(Effect.flatMap(sendGroup), Effect.forever, Effect.forkScoped)

  return (asked) =>
    Effect.suspend(() => {
      const waiting: Waiting = { asked, answered: Deferred.makeUnsafe() }
      if (!Queue.offerUnsafe(queue, waiting)) {
        return Effect.fail(
          BillingError.unavailable("overloaded", "too many operations wait for the ledger, or it is closed"),
        )
      }
      return Effect.onInterrupt(Deferred.await(waiting.answered), () => Effect.sync(() => left.add(waiting)))
    })
})
