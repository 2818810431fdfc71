import { Effect, Exit, type Scope } from "effect"
import { BillingError } from "./BillingError.ts"
import type { Answered, Asked } from "./Operations.ts"

/** `left`: gave up before its group was sent. */
interface Waiting {
  readonly asked: Asked
  readonly answer: (exit: Exit.Exit<unknown, BillingError>) => void
  left: boolean
}

/** Operations that may wait. */
const capacity = 10_000

const lost = Exit.fail(BillingError.unavailable("lost", "the ledger was closed"))
const overloaded = Exit.fail(
  BillingError.unavailable("overloaded", "too many operations wait for the ledger, or it is closed"),
)

export const exitOf = (answered: Answered): Exit.Exit<unknown, BillingError> =>
  "refused" in answered ? Exit.fail(new BillingError({ reason: answered.refused })) : Exit.succeed(answered.answer)

/**
 * Lets concurrent operations share a transaction: while one is on its way to the disk, the next gathers. Each waits for its own.
 * One that is interrupted before its group is sent is not made; afterwards it is made all the same.
 *
 * @param size operations in one transaction, at most
 */
export const gather = Effect.fnUntraced(function* (
  send: (group: ReadonlyArray<Asked>) => Effect.Effect<ReadonlyArray<Answered>, BillingError>,
  size = 512,
): Effect.fn.Return<(asked: Asked) => Effect.Effect<unknown, BillingError>, never, Scope.Scope> {
  const waiting: Array<Waiting> = []
  let wake: (() => void) | undefined
  let isClosed = false

  const some = Effect.callback<void>((resume) => {
    wake = () => {
      wake = undefined
      resume(Effect.void)
    }
    if (waiting.length > 0) wake()
  })

  const answerGroup = Effect.fnUntraced(function* (group: ReadonlyArray<Waiting>, sent: typeof send) {
    const exit = yield* Effect.exit(sent(group.map((one) => one.asked)))
    const failed = Exit.isFailure(exit) && !Exit.hasInterrupts(exit) ? (exit as Exit.Exit<never, BillingError>) : lost
    group.forEach((one, index) => {
      const answered = Exit.isSuccess(exit) ? exit.value[index] : undefined
      one.answer(answered === undefined ? failed : exitOf(answered))
    })
  })

  const sendSome = Effect.uninterruptibleMask((restore) => {
    const group = waiting.splice(0, size).filter((one) => !one.left)
    return group.length === 0 ? Effect.void : answerGroup(group, (asked) => restore(send(asked)))
  })

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
      for (const one of waiting.splice(0)) one.answer(lost)
    }),
  )
  yield* some.pipe(Effect.andThen(Effect.yieldNow), Effect.andThen(sendSome), Effect.forever, Effect.forkScoped)

  return (asked) =>
    Effect.callback((resume) => {
      if (isClosed || waiting.length >= capacity) return resume(overloaded)
      const one: Waiting = { asked, answer: resume, left: false }
      waiting.push(one)
      wake?.()
      return Effect.sync(() => {
        one.left = true
      })
    })
})
