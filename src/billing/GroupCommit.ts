import { Effect, Exit, FiberSet, type Scope } from "effect"
import { BillingError } from "./BillingError.ts"
import type { Answered, Asked } from "./Operations.ts"

/** `left`: gave up before its group was sent. */
interface Waiting {
  readonly asked: Asked
  readonly answer: (exit: Exit.Exit<unknown, BillingError>) => void
  left: boolean
}

type Done = (exit: Exit.Exit<ReadonlyArray<Answered>, BillingError>) => void

/** Makes a group durable, and tells `done` in a later turn. */
type Send = (group: ReadonlyArray<Asked>, done: Done) => void

/** Operations that may wait. */
const capacity = 10_000

const lost = Exit.fail(BillingError.unavailable("lost", "the ledger was closed"))
const overloaded = Exit.fail(
  BillingError.unavailable("overloaded", "too many operations wait for the ledger, or it is closed"),
)

export const exitOf = (answered: Answered): Exit.Exit<unknown, BillingError> =>
  "refused" in answered ? Exit.fail(new BillingError({ reason: answered.refused })) : Exit.succeed(answered.answer)

const answerAll = (group: ReadonlyArray<Waiting>, exit: Parameters<Done>[0]): void => {
  const failed = Exit.isFailure(exit) && !Exit.hasInterrupts(exit) ? (exit as Exit.Exit<never, BillingError>) : lost
  group.forEach((one, index) => {
    const answered = Exit.isSuccess(exit) ? exit.value[index] : undefined
    one.answer(answered === undefined ? failed : exitOf(answered))
  })
}

/**
 * Lets concurrent operations share a transaction: while one is on its way to the disk, the next gathers. Each waits for its own.
 * One that is interrupted before its group is sent is not made; afterwards it is made all the same. Without a fiber of its own: every
 * request passes here.
 *
 * @param size operations in one transaction, at most
 */
export const gather = Effect.fnUntraced(function* (
  send: Send,
  size = 512,
): Effect.fn.Return<(asked: Asked) => Effect.Effect<unknown, BillingError>, never, Scope.Scope> {
  const waiting: Array<Waiting> = []
  let underWay: ReadonlyArray<Waiting> | undefined
  let isDue = false
  let isClosed = false

  const sendSome = () => {
    isDue = false
    while (waiting.length > 0 && underWay === undefined) {
      const group = waiting.splice(0, size).filter((one) => !one.left)
      if (group.length > 0) sendGroup(group)
    }
  }

  const sendGroup = (group: ReadonlyArray<Waiting>) => {
    underWay = group
    const asked = group.map((one) => one.asked)
    send(asked, (exit) => {
      if (underWay !== group) return
      underWay = undefined
      // First, so that the ledger is at work while those are answered.
      sendSome()
      answerAll(group, exit)
    })
  }

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
      const all = [...(underWay ?? []), ...waiting.splice(0)]
      underWay = undefined
      answerAll(all, lost)
    }),
  )

  return (asked) =>
    Effect.callback((resume) => {
      if (isClosed || waiting.length >= capacity) return resume(overloaded)
      const one: Waiting = { asked, answer: resume, left: false }
      waiting.push(one)
      if (underWay === undefined && !isDue) {
        isDue = true
        // What else is asked in this breath goes with it; what comes while it is under way goes with the next.
        queueMicrotask(sendSome)
      }
      return Effect.sync(() => {
        one.left = true
      })
    })
})

/** The same, of groups that effects make durable. */
export const gatherFor = Effect.fnUntraced(function* (
  write: (group: ReadonlyArray<Asked>) => Effect.Effect<ReadonlyArray<Answered>, BillingError>,
  size?: number,
) {
  const run = yield* FiberSet.makeRuntime()
  return yield* gather((group, done) => void run(write(group)).addObserver(done), size)
})
