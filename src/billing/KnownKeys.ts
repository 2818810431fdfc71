import { Clock, Effect } from "effect"
import { millisOf } from "../telemetry/Elapsed.ts"
import type { BillingError } from "./BillingError.ts"
import type { Answer } from "./Operations.ts"

type Known = Answer<"keyByHash">

const most = 10_000

/**
 * Keys that were asked for a moment ago, so that not every request asks the ledger. What changes must be told, by `forget…`; what nobody
 * tells is found out after `ageMillis`. No money depends on it: every reservation looks at key and account again.
 *
 * - `find`: by its hash; `read` asks the ledger
 */
export const makeKnownKeys = (ageMillis: () => number) => {
  const known = new Map<string, { readonly found: NonNullable<Known>; readonly at: number }>()
  /** Counts what was forgotten, so that what was read before is not kept after. */
  let changes = 0

  return {
    forgetAll: (): void => {
      changes += 1
      known.clear()
    },
    forgetKey: (hash: string): void => {
      changes += 1
      known.delete(hash)
    },
    forgetAccount: (id: string): void => {
      changes += 1
      for (const [hash, { found }] of known) if (found.key.accountId === id) known.delete(hash)
    },
    find: (hash: string, read: Effect.Effect<Known, BillingError>) =>
      Clock.clockWith((clock) => {
        const now = millisOf(clock)
        const kept = known.get(hash)
        if (kept !== undefined && now - kept.at < ageMillis()) return Effect.succeed(kept.found)
        const before = changes
        return Effect.map(read, (found) => {
          known.delete(hash)
          if (found !== null && before === changes) known.set(hash, { found, at: now })
          if (known.size > most) known.delete(known.keys().next().value!)
          return found
        })
      }),
  }
}
