/** How holds end: charged, given back, paid back, or expired. */
import { AlreadyReleased } from "../BillingError.ts"
import type { Hold, Settlement } from "../Hold.ts"
import type { Answer, Question } from "../Operations.ts"
import { price } from "../RateCard.ts"
import { billedQuantity, type Part } from "../Usage.ts"
import { chargeId, enter, entryOf, refundId, spend } from "./Entries.ts"
import { admit, awaitDelivery, begin, expire, forget, holdRow, layClaim, usageOf } from "./Holds.ts"
import { cardOf } from "./Rates.ts"
import { Refusal } from "./Refusal.ts"
import { all, change, one, type Row, type Rule, type Rules, type Sql, write } from "./Statement.ts"

/** How long an ended hold can still answer what became of it, in milliseconds. */
const endedHoldAge = 30 * 24 * 60 * 60 * 1000

/** How far the clocks of gateways on one ledger may be apart, in milliseconds. */
const clocksDisagree = 60_000

/** Pays a charge back, once; says whether it did. */
function* refund(hold: Row, reason: string, now: number): Rule<boolean> {
  const holdId = hold["id"] as string
  const charge = yield* entryOf(chargeId(holdId))
  if (charge === undefined || (yield* entryOf(refundId(holdId))) !== undefined) return false
  yield* enter({
    ...charge,
    operationId: refundId(holdId),
    at: now,
    kind: "refund",
    amount: Math.abs(charge.amount),
    reason,
    quantity: charge.quantity === null ? null : 0 - charge.quantity,
  })
  yield* spend(charge.accountId, charge.keyId, charge.at, charge.amount)
  return true
}

interface PaidPart {
  readonly hold: Row
  readonly amount: number
  readonly quantity: number
}

/** What was charged for a part of the request that `hold` repeats, if it stands. */
function* paidPart(hold: Row): Rule<PaidPart | undefined> {
  const id = hold["repeats"] as string | null
  if (id === null) return undefined
  const before = yield* holdRow(id)
  const charge = yield* entryOf(chargeId(id))
  if (before === undefined || charge === undefined || (yield* entryOf(refundId(id))) !== undefined) return undefined
  return { hold: before, amount: Math.abs(charge.amount), quantity: charge.quantity ?? 0 }
}

/** `repeatable`: whether it has an idempotency key. */
const endAsSettled = `UPDATE holds SET state = 'settled', reason = ?, ended_at = ? WHERE id = ? AND state = 'held'
  RETURNING *, (SELECT count(*) FROM idempotency WHERE hold_id = holds.id) AS repeatable`

/** What settling comes to of a hold that has ended. Settled before: answers as then, unless it was paid back since. */
function* endedBefore(holdId: string, served: Settlement["served"]): Rule<Settlement> {
  const hold = yield* holdRow(holdId)
  if (hold === undefined) throw ended(holdId, "unknown", "no such hold")
  if (hold["state"] !== "settled")
    throw ended(holdId, hold["state"] as "released" | "expired", hold["reason"] as string)
  const charge = yield* entryOf(chargeId(holdId))
  const refunded = yield* entryOf(refundId(holdId))
  if (refunded !== undefined || charge === undefined) throw ended(holdId, "refunded", refunded?.reason ?? "")
  return {
    holdId,
    accountId: charge.accountId,
    amount: Math.abs(charge.amount),
    balance: charge.balance,
    served: charge.served ?? served,
    settledAt: charge.at,
    replayed: true,
  }
}

function* settle({ holdId, served, outcome, part, now }: Question<"settle">): Rule<Settlement> {
  const reason = part === undefined ? null : `the client left with ${percent(part)} of it`
  const hold = yield* one(endAsSettled, reason, now, holdId)
  if (hold === undefined) return yield* endedBefore(holdId, served)

  const [accountId, keyId] = [hold["account_id"] as string, hold["key_id"] as string | null]
  const usage = usageOf(hold)
  const rateVersion = hold["rate_version"] as number
  const before = yield* paidPart(hold)
  // Never more than was held, whatever it was held for: no balance passes its floor.
  const due = Math.min(price(yield* cardOf(rateVersion), usage, served, part), hold["amount"] as number)
  const amount = Math.max(due, before?.amount ?? 0)
  if (part === undefined && hold["repeatable"] !== 0) {
    yield* write("UPDATE idempotency SET outcome = ? WHERE hold_id = ?", outcome, holdId)
    yield* layClaim(holdId, holdId)
  }
  if (before !== undefined) yield* refund(before.hold, "repeated", now)
  const quantity = Math.max(billedQuantity(usage, part), before?.quantity ?? 0)
  const charged = { holdId, accountId, keyId, usage, served, amount, quantity, rateVersion, reason, now }
  return yield* enterCharge({ ...charged, due: part === undefined ? (hold["expires_at"] as number) : undefined })
}

/** @property due when its answer is overdue; absent: nothing of it is still to be delivered */
interface Charged extends Pick<Hold, "accountId" | "keyId" | "usage" | "rateVersion" | "reason"> {
  readonly holdId: string
  readonly served: Settlement["served"]
  readonly amount: number
  readonly quantity: number
  readonly now: number
  readonly due: number | undefined
}

function* enterCharge(charged: Charged): Rule<Settlement> {
  const { accountId, amount, due, holdId, keyId, now, quantity, rateVersion, reason, served, usage } = charged
  if (due !== undefined) yield* awaitDelivery(holdId, due)
  const balance = yield* enter({
    operationId: chargeId(holdId),
    at: now,
    accountId,
    keyId,
    holdId,
    kind: "charge",
    amount: 0 - amount,
    usage: usage.kind,
    model: usage.model,
    quantity,
    served,
    rateVersion,
    reason,
  })
  yield* spend(accountId, keyId, now, amount)
  return { holdId, accountId, amount, balance, served, settledAt: now, replayed: false }
}

function* charge(input: Question<"charge">): Rule<Answer<"charge">> {
  const { served, now } = input
  const admitted = yield* admit(input)
  if (!("has" in admitted) && input.idempotency === null) {
    // Nobody asks for it again, so it need not be held before it is charged: half of all that a hit writes.
    const hold = yield* begin(input, admitted, now)
    const { accountId, amount, keyId, rateVersion, reason, usage } = hold
    const quantity = billedQuantity(usage, undefined)
    const charged = { accountId, amount, keyId, rateVersion, reason, usage, quantity, served, now }
    return { hold, settlement: yield* enterCharge({ ...charged, holdId: hold.id, due: input.expiresAt }) }
  }
  const hold = "has" in admitted ? admitted.has : yield* begin(input, admitted)
  if (hold.replayed) return { hold, settlement: null }
  return { hold, settlement: yield* settle({ holdId: hold.id, served, outcome: null, now }) }
}

const markDelivered: Sql = ({ members }) => `DELETE FROM undelivered WHERE claimant IN (${members("?")})`

function* delivered({ claims }: Question<"delivered">): Rule<null> {
  // Mostly the one of the request before.
  if (claims.length === 1) yield* write("DELETE FROM undelivered WHERE claimant = ?", claims[0]!)
  else yield* write(markDelivered, JSON.stringify(claims))
  return null
}

function* release({ holdId, reason, refund: payBack, now }: Question<"release">): Rule<Answer<"release">> {
  const claimed = yield* one("SELECT hold_id FROM claims WHERE claimant = ?", holdId)
  const charged = (claimed?.["hold_id"] as string | undefined) ?? holdId
  const hold = yield* holdRow(charged)
  if (hold?.["state"] === "held") {
    yield* write("UPDATE holds SET state = 'released', reason = ?, ended_at = ? WHERE id = ?", reason, now, holdId)
    return { done: "released" }
  }
  if (payBack) yield* write("DELETE FROM undelivered WHERE claimant = ?", holdId)
  if (!payBack || hold?.["state"] !== "settled") return { done: "nothing" }
  yield* write("DELETE FROM claims WHERE claimant = ?", holdId)
  if ((yield* one("SELECT 1 FROM claims WHERE hold_id = ?", charged)) !== undefined) return { done: "nothing" }
  return { done: (yield* refund(hold, reason, now)) ? "refunded" : "nothing" }
}

function* renew({ holdId, expiresAt }: Question<"renew">): Rule<Answer<"renew">> {
  const renewed = yield* change(
    "UPDATE holds SET expires_at = CASE WHEN expires_at < ?1 THEN ?1 ELSE expires_at END WHERE id = ?2 AND state = 'held'",
    expiresAt,
    holdId,
  )
  return { live: renewed > 0 }
}

function* reap({ limit, now, alone = false }: Question<"reap">): Rule<Answer<"reap">> {
  // Made while the clock ran ahead: it would not be due before that time comes again.
  yield* change(
    "UPDATE holds SET expires_at = ?1 + expires_at - created_at, created_at = ?1 WHERE state = 'held' AND created_at > ?2",
    now,
    now + clocksDisagree,
  )
  const overdue = alone ? Number.MAX_SAFE_INTEGER : now
  const due = yield* all(
    "SELECT id FROM holds WHERE state = 'held' AND expires_at <= ? ORDER BY expires_at, id LIMIT ?",
    overdue,
    limit,
  )
  for (const { id } of due) yield* expire(id as string, now)
  const keptBack = yield* all(
    "SELECT claimant FROM undelivered WHERE due <= ? ORDER BY due, claimant LIMIT ?",
    overdue,
    limit,
  )
  let refunded = 0
  for (const { claimant } of keptBack) {
    const reason = "its answer was kept back by a crash"
    const { done } = yield* release({ holdId: claimant as string, reason, refund: true, now })
    if (done === "refunded") refunded += 1
  }
  const old = "SELECT id FROM holds WHERE state <> 'held' AND ended_at <= ? ORDER BY ended_at LIMIT ?"
  yield* change(`DELETE FROM claims WHERE hold_id IN (${old})`, now - endedHoldAge, limit)
  const forgottenKeys = yield* forget(now, limit)
  const forgottenHolds = yield* change(`DELETE FROM holds WHERE id IN (${old})`, now - endedHoldAge, limit)
  return { expired: due.length, refunded, forgotten: forgottenKeys + forgottenHolds }
}

type Names = "settle" | "charge" | "delivered" | "release" | "renew" | "reap"

export const holdEndRules: Rules<Names> = { settle, charge, delivered, release, renew, reap }

/** For people: the charge is from the exact fraction. */
const percent = ({ handed, of }: Part) => `${Math.max(1, Math.floor((100 * handed) / of))} %`

const ended = (holdId: string, how: AlreadyReleased["how"], reason: string) =>
  new Refusal(new AlreadyReleased({ holdId, how, reason }))
