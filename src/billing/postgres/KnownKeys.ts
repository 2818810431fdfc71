import { Effect } from "effect"
import { Announcements } from "../../database/Announcements.ts"
import { elapsedMillis } from "../../telemetry/Elapsed.ts"
import type { BillingError } from "../BillingError.ts"
import type { Answer } from "../Operations.ts"

type Known = Answer<"keyByHash">

/** Milliseconds that a key counts as it was: while changes are announced, and while they are not heard of. */
const ages = { heard: 10_000, unheard: 500 }
const most = 10_000

/**
 * Keys that were asked for a moment ago. One that is revoked, and an account that is stopped, is announced by the database and forgotten at
 * once; every reservation looks at them again.
 */
export const makeKnownKeys = Effect.gen(function* () {
  const announcements = yield* Announcements
  const known = new Map<string, { readonly found: NonNullable<Known>; readonly at: number }>()
  /** Counts what was forgotten, so that what was read before is not kept after. */
  let changes = 0
  yield* announcements.on("key", (hash) => {
    changes += 1
    if (hash === undefined) known.clear()
    else known.delete(hash)
  })
  yield* announcements.on("account", (id) => {
    changes += 1
    for (const [hash, { found }] of known) if (id === undefined || found.key.accountId === id) known.delete(hash)
  })

  return Effect.fnUntraced(function* (hash: string, read: Effect.Effect<Known, BillingError>) {
    const age = announcements.listening() ? ages.heard : ages.unheard
    const now = yield* elapsedMillis
    const kept = known.get(hash)
    if (kept !== undefined && now - kept.at < age) return kept.found
    const before = changes
    const found = yield* read
    known.delete(hash)
    if (found !== null && before === changes) known.set(hash, { found, at: now })
    if (known.size > most) known.delete(known.keys().next().value!)
    return found
  })
})
