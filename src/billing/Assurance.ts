import { ForgetfulMap } from "../collections/Forgetful.ts"
import type { Hold } from "./Hold.ts"
import type { Payer } from "./Payer.ts"
import type { Usage } from "./Usage.ts"

/** How many more like it there must be room for. Those that are under way at once spend it together, and each of them is let through by what was known before. */
const ample = 100

/** Payers that are remembered. */
const most = 10_000

const sizeOf = (usage: Usage) => (usage.kind === "speech" ? usage.characters : usage.audioMillis)

/** A key has its account's limits and its own. */
const nameOf = ({ accountId, keyId }: Pick<Payer, "accountId" | "keyId">) => keyId ?? accountId

/**
 * Who is so sure to get a hold that work may begin beside it, by what their last hold left room for. Nothing depends on it but whether an engine is asked in vain:
 * the ledger decides on each hold, whatever was expected, and nobody is given anything before.
 *
 * - `isSure`: never of a request with an idempotency key, which may be paid already
 * - `learn`: what the ledger has said to a request
 * - `doubt`: it has refused one, or could not be asked. The next one waits for its hold
 */
export const makeAssurance = () => {
  /** Micro-units that could be reserved, per code point or millisecond of the hold that left them: what it cost, and what is left. */
  const known = new ForgetfulMap<string, { readonly price: number; readonly room: number }>()

  const doubt = (payer: Pick<Payer, "accountId" | "keyId">): void => void known.delete(nameOf(payer))

  return {
    isSure: (payer: Payer, usage: Usage): boolean => {
      if (payer.idempotency !== null) return false
      const last = known.get(nameOf(payer))
      return last !== undefined && last.room >= ample * last.price * sizeOf(usage)
    },
    learn: (hold: Hold): void => {
      if (hold.room === undefined) return
      const name = nameOf(hold)
      known.set(name, { price: hold.amount / sizeOf(hold.usage), room: hold.room ?? Number.POSITIVE_INFINITY })
      if (known.size > most) known.delete(known.keys().next().value)
    },
    doubt,
  }
}

export type Assurance = ReturnType<typeof makeAssurance>
