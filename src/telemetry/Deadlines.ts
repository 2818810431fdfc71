import { Clock, Effect, Fiber } from "effect"
import { ForgetfulSet } from "../collections/Forgetful.ts"

/**
 * Something that is waited for.
 *
 * @property at milliseconds of `now` at which to look at it
 * @property look says when to look at it again, or undefined: no more
 */
export interface Deadline {
  at: number
  readonly look: (now: number) => number | undefined
}

/**
 * Looks at what is waited for when its time has come: one fiber for all of it, which sleeps until the first. A fiber and a timer for each wait cost
 * more than most of what is waited for.
 *
 * - `now`: milliseconds of a clock that only goes forward
 * - `add`: from now on; what it answers takes it off again
 */
export const makeDeadlines = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const clock = yield* Clock.Clock
  const runFork = Effect.runForkWith(yield* Effect.context<never>())
  const all = new ForgetfulSet<Deadline>()
  const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
  let wakesAt = Number.POSITIVE_INFINITY
  let fiber: Fiber.Fiber<void> | undefined

  const lookAtAll = () => {
    // What is added meanwhile starts nothing.
    wakesAt = Number.NEGATIVE_INFINITY
    const at = now()
    for (const slot of all.slots()) {
      const one = slot.member
      // Taken off, or not due.
      if (one === undefined || one.at > at) continue
      const next = one.look(at)
      if (next === undefined) all.delete(slot)
      else one.at = next
    }
    wakesAt = Number.POSITIVE_INFINITY
    for (const one of all.members()) wakesAt = Math.min(wakesAt, one.at)
  }
  const watch: Effect.Effect<void> = Effect.suspend(() => {
    lookAtAll()
    if (wakesAt < Number.POSITIVE_INFINITY) return Effect.andThen(Effect.sleep(Math.max(0, wakesAt - now())), watch)
    fiber = undefined
    return Effect.void
  })

  return {
    now,
    add: (one: Deadline) => {
      const slot = all.add(one)
      if (one.at < wakesAt) {
        fiber?.interruptUnsafe()
        fiber = Fiber.runIn(runFork(watch), scope)
      }
      return () => all.delete(slot)
    },
  }
})

export type Deadlines = Effect.Success<typeof makeDeadlines>
