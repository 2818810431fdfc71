import { Effect } from "effect"
import { Announcements } from "../../database/Announcements.ts"
import { makeKnownKeys } from "../KnownKeys.ts"

/** Milliseconds that a key counts as it was: while changes are announced, and while they are not heard of. */
const ages = { heard: 10_000, unheard: 500 }

/** Keys of which the database announces that one is revoked, and that an account is stopped. */
export const makeAnnouncedKeys = Effect.gen(function* () {
  const announcements = yield* Announcements
  const known = makeKnownKeys(() => (announcements.listening() ? ages.heard : ages.unheard))
  yield* announcements.on("key", (hash) => (hash === undefined ? known.forgetAll() : known.forgetKey(hash)))
  yield* announcements.on("account", (id) => (id === undefined ? known.forgetAll() : known.forgetAccount(id)))
  return known
})
