import { type Cause, Effect, Exit, Fiber, Scope } from "effect"
import type { Assurance } from "./Assurance.ts"
import type { BillingError } from "./BillingError.ts"
import type { Hold } from "./Hold.ts"
import type { Payer } from "./Payer.ts"
import type { Usage } from "./Usage.ts"

/** Runs what it is given once the hold is there: at once, if it is. */
export type WhenHeld = (then: () => void) => void

const makeHeld = () => {
  let waiting: Array<() => void> | undefined = []
  const whenHeld: WhenHeld = (then) => {
    if (waiting === undefined) then()
    else waiting.push(then)
  }
  return {
    whenHeld,
    isHeld: () => {
      const told = waiting ?? []
      waiting = undefined
      for (const then of told) then()
    },
  }
}

/** `lay`, `hold` and `release` a claim as for whoever waits for its hold. */
interface Ways<Laid extends { readonly asked: Payer }> {
  readonly lay: (usage: Usage) => Effect.Effect<Laid, never, Scope.Scope>
  readonly hold: (laid: Laid) => Effect.Effect<Hold, BillingError>
  readonly release: (hold: Hold, cause: Cause.Cause<unknown>) => Effect.Effect<void>
  readonly assurance: Assurance
}

/** Work begins while its hold is on its way to the ledger and back. Where that is refused, the work is over, with all that it took, before anybody is told. */
export const makeBeside = <Laid extends { readonly asked: Payer }>({ assurance, hold, lay, release }: Ways<Laid>) =>
  Effect.fnUntraced(function* <A, E, R>(usage: Usage, work: (whenHeld: WhenHeld) => Effect.Effect<A, E, R>) {
    // Before the work's scope, so that the work is over before its claim ends.
    const laid = yield* lay(usage)
    const scope = yield* Scope.fork(yield* Effect.scope)
    const { isHeld, whenHeld } = makeHeld()
    const answered = assurance.begin(laid.asked)
    // It begins when this fiber waits. By then the message to the ledger is on its way, whose thread works meanwhile.
    const working = yield* Effect.forkChild(Scope.provide(work(whenHeld), scope))
    const held = yield* Effect.onExit(hold(laid), (exit) => {
      answered()
      if (Exit.isSuccess(exit)) return Effect.sync(isHeld)
      // Also where its client has not waited for it: a ledger that hangs may never say so to anybody.
      assurance.doubt(laid.asked)
      return Effect.andThen(Fiber.interrupt(working), Scope.close(scope, exit))
    })
    const done = yield* Effect.onError(Fiber.join(working), (cause) =>
      Effect.andThen(Fiber.interrupt(working), release(held, cause)),
    )
    return [held, done] as const
  })
