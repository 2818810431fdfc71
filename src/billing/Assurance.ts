import { ForgetfulMap } from "../collections/Forgetful.ts"
import type { Hold } from "./Hold.ts"
import type { Payer } from "./Payer.ts"
import type { Usage } from "./Usage.ts"

/** How many like it there must be money for, beyond all that is under way. */
const ample = 100

/** Works of a payer that have no hold yet. Where all are refused, so many engines' turns are lost to those who can pay. */
const mostBegun = 4

/** Payers that are remembered. */
const most = 10_000

type Known = Pick<Payer, "accountId" | "keyId">

/** A key has its account's limits and its own. */
const nameOf = ({ accountId, keyId }: Known) => keyId ?? accountId

/** @property room code points that could be reserved */
interface Standing {
  room: number
  begun: number
}

/**
 * Who is so sure to get a hold that work may begin beside it, by how many more their last hold left room for. Nothing depends on it but whether an engine is asked
 * in vain: the ledger decides on each hold, whatever was expected, and nobody is given anything before.
 *
 * Only speech begins so. What is told of transcriptions says nothing of it: a millisecond of a recording has another price than a character.
 *
 * - `isSure`: never of a request with an idempotency key, which may be paid already
 * - `begin`: counts one that has begun without its hold, until what it answers with is run
 * - `learn`: what the ledger has said to a request
 * - `doubt`: it has refused one, or could not be asked, or whoever asked did not wait for it. The next one waits for its hold
 */
export const makeAssurance = () => {
  const known = new ForgetfulMap<string, Standing>()

  return {
    isSure: (payer: Payer, usage: Usage): boolean => {
      if (payer.idempotency !== null || usage.kind !== "speech") return false
      const standing = known.get(nameOf(payer))
      return standing !== undefined && standing.begun < mostBegun && standing.room >= ample * usage.characters
    },
    begin: (payer: Known): (() => void) => {
      const standing = known.get(nameOf(payer))
      if (standing === undefined) return () => {}
      standing.begun += 1
      return () => void (standing.begun -= 1)
    },
    learn: (hold: Hold): void => {
      if (hold.more === undefined || hold.usage.kind !== "speech") return
      const room = hold.more === null ? Number.POSITIVE_INFINITY : hold.more * hold.usage.characters
      const name = nameOf(hold)
      const standing = known.get(name)
      if (standing !== undefined) standing.room = room
      else known.set(name, { room, begun: 0 })
      if (known.size > most) known.delete(known.keys().next().value)
    },
    doubt: (payer: Known): void => void known.delete(nameOf(payer)),
  }
}

export type Assurance = ReturnType<typeof makeAssurance>
