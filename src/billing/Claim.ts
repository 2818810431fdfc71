import type { Abandoned } from "./Usage.ts"

/**
 * Where a request's claim to a charge stands.
 *
 * - `held` money is reserved, or may be: the ledger has not answered
 * - `doubtful` a charge may stand of which nobody knows
 * - `charged` it stands; the answer is not known to be out
 * - `ended` nothing is left to do when its scope closes
 */
type ClaimState = "held" | "doubtful" | "charged" | "ended"

/** What happens to it while its scope is open. `replayed`: an earlier request's charge is its own too. */
type ClaimEvent = "refused" | "replayed" | "settling" | "settled" | "delivered"

/** What is not here leaves it as it is. */
const next: Record<ClaimState, { readonly [Event in ClaimEvent]?: ClaimState }> = {
  held: { refused: "ended", replayed: "doubtful", settling: "doubtful" },
  doubtful: { settling: "doubtful", settled: "charged" },
  charged: { delivered: "ended" },
  ended: {},
}

/** How its scope closes: the client left and pays for what it was handed, the request ended well, or it was broken off or left for free. */
type Close = "left" | "well" | "broken"

type ClaimEnd = "charge" | "release" | "payBack" | "stands" | "nothing"

/** What becomes of it then. */
const ends: Record<ClaimState, Record<Close, ClaimEnd>> = {
  held: { left: "charge", well: "release", broken: "release" },
  doubtful: { left: "payBack", well: "payBack", broken: "payBack" },
  charged: { left: "stands", well: "stands", broken: "payBack" },
  ended: { left: "nothing", well: "nothing", broken: "nothing" },
}

/** The claim of a request whose scope is open. */
export class Claim {
  state: ClaimState = "held"
  left: Abandoned | undefined = undefined

  /** Says whether it went on. */
  happens(event: ClaimEvent): boolean {
    const state = next[this.state][event]
    if (state === undefined) return false
    this.state = state
    return true
  }

  /** @param free whether who leaves pays nothing */
  endsAs(well: boolean, free: boolean): ClaimEnd {
    const pays = this.left !== undefined && this.left.handed > 0 && !free
    return ends[this.state][pays ? "left" : well && this.left === undefined ? "well" : "broken"]
  }
}
