import { refuse } from "../Admission.ts"
import { AlreadyReleased } from "../BillingError.ts"
import type { Hold, Settlement } from "../Hold.ts"
import type { Answer, Operations, Question } from "../Operations.ts"
import { price } from "../RateCard.ts"
import { billedQuantity, type Part } from "../Usage.ts"
import { append, chargeId, entryOf, refundId, spend } from "./Entries.ts"
import { holdRow, toHold, usageOf } from "./HoldRows.ts"
import { earlier, forget, remember } from "./Idempotency.ts"
import { cardAt, cardOf } from "./Rates.ts"
import { Refusal } from "./Refusal.ts"
import type { Row, Rows } from "./Rows.ts"
import { standing } from "./Standing.ts"

type Names = "hold" | "reserve" | "afford" | "settle" | "delivered" | "release" | "renew" | "reap"

/** How long an ended hold can still answer what became of it, in milliseconds. */
const endedHoldAge = 30 * 24 * 60 * 60 * 1000

/** How far the clocks of gateways on one ledger may be apart, in milliseconds. */
const clocksDisagree = 60_000

export const holdOperations = (rows: Rows): Pick<Operations, Names> => {
  const expire = (id: string, now: number) =>
    rows.run(
      "UPDATE holds SET state = 'expired', reason = 'its owner is gone', ended_at = ? WHERE id = ? AND state = 'held'",
      now,
      id,
    )

  const expireOverdueOf = (accountId: string, now: number) =>
    rows.run(
      "UPDATE holds SET state = 'expired', reason = 'its owner is gone', ended_at = ?1 WHERE account_id = ?2 AND state = 'held' AND expires_at <= ?1",
      now,
      accountId,
    )

  /** While a request has a claim to a charge, no other that failed has it paid back. */
  const layClaim = (claimant: string, holdId: string) =>
    rows.run("INSERT INTO claims (claimant, hold_id) VALUES (?, ?) ON CONFLICT DO NOTHING", claimant, holdId)

  /** Until its answer is out, or `due` is over and a crash has kept it back. */
  const awaitDelivery = (claimant: string, due: number) =>
    rows.run("INSERT INTO undelivered (claimant, due) VALUES (?, ?) ON CONFLICT DO NOTHING", claimant, due)

  const afford = (input: Question<"afford">): null => {
    if (earlier(rows, input)?.was === "paid") return null
    const amount = price(cardAt(rows, input.now), input.usage, input.served)
    const refusal = refuse(standing(rows, input), amount) && refuse(standing(rows, input, input.now), amount)
    if (refusal !== undefined) throw new Refusal(refusal)
    return null
  }

  const reserve = (input: Question<"reserve">): Hold => {
    const same = holdRow(rows, input.holdId)
    if (same !== undefined) return toHold(same)
    const before = earlier(rows, input)
    if (before?.was === "paid" && input.again !== true) {
      layClaim(input.holdId, before.id)
      awaitDelivery(input.holdId, input.expiresAt)
      return toHold(before.hold, { claim: input.holdId, outcome: before.outcome })
    }
    if (before?.was === "overdue") expire(before.id, input.now)
    // What a client has paid for a part is counted in when it repeats the request, however often it fails in between.
    const repeats =
      before?.was === "part" ? before.id : before?.was === "paid" ? null : (before?.hold["repeats"] ?? null)

    const card = cardAt(rows, input.now)
    const amount = price(card, input.usage, input.served ?? "MISS")
    let refusal = refuse(standing(rows, input), amount)
    if (refusal !== undefined && expireOverdueOf(input.accountId, input.now) > 0)
      refusal = refuse(standing(rows, input), amount)
    if (refusal !== undefined) throw new Refusal(refusal)

    const made = rows.one(
      `INSERT INTO holds (id, account_id, key_id, usage, model, size, amount, rate_version, state, created_at, expires_at, repeats)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'held', ?, ?, ?) RETURNING *`,
      input.holdId,
      input.accountId,
      input.keyId,
      input.usage.kind,
      input.usage.model,
      input.usage.kind === "speech" ? input.usage.characters : input.usage.audioMillis,
      amount,
      card.version,
      input.now,
      input.expiresAt,
      repeats as string | null,
    )
    remember(rows, input)
    return toHold(made as Row)
  }

  const refund = (hold: Row, reason: string, now: number) => {
    const holdId = hold["id"] as string
    const charge = entryOf(rows, chargeId(holdId))
    if (charge === undefined || entryOf(rows, refundId(holdId)) !== undefined) return false
    append(rows, {
      ...charge,
      operationId: refundId(holdId),
      at: now,
      kind: "refund",
      amount: Math.abs(charge.amount),
      reason,
      quantity: charge.quantity === null ? null : 0 - charge.quantity,
    })
    spend(rows, charge.accountId, charge.keyId, charge.at, charge.amount)
    return true
  }

  /** What was charged for a part of the request that `hold` repeats, if it stands. */
  const paidPart = (hold: Row) => {
    const id = hold["repeats"] as string | null
    const before = id === null ? undefined : holdRow(rows, id)
    const charge = id === null ? undefined : entryOf(rows, chargeId(id))
    if (id === null || before === undefined || charge === undefined || entryOf(rows, refundId(id)) !== undefined)
      return { hold: undefined, amount: 0, quantity: 0 }
    return { hold: before, amount: Math.abs(charge.amount), quantity: charge.quantity ?? 0 }
  }

  const settle = ({ holdId, served, outcome, part, now }: Question<"settle">): Settlement => {
    const hold = holdRow(rows, holdId)
    if (hold === undefined) throw ended(holdId, "unknown", "no such hold")
    const [accountId, keyId] = [hold["account_id"] as string, hold["key_id"] as string | null]
    if (hold["state"] === "settled") {
      const [charge, refund] = [entryOf(rows, chargeId(holdId)), entryOf(rows, refundId(holdId))]
      if (refund !== undefined || charge === undefined) throw ended(holdId, "refunded", refund?.reason ?? "")
      return {
        holdId,
        accountId,
        amount: Math.abs(charge.amount),
        balance: charge.balance,
        served: charge.served ?? served,
        settledAt: charge.at,
        replayed: true,
      }
    }
    if (hold["state"] !== "held") throw ended(holdId, hold["state"] as "released" | "expired", hold["reason"] as string)

    const usage = usageOf(hold)
    const before = paidPart(hold)
    // Never more than was held, whatever it was held for: no balance passes its floor.
    const due = price(cardOf(rows, hold["rate_version"] as number), usage, served, part)
    const amount = Math.max(Math.min(due, hold["amount"] as number), before.amount)
    const reason = part === undefined ? null : `the client left with ${percent(part)} of it`
    rows.run("UPDATE holds SET state = 'settled', reason = ?, ended_at = ? WHERE id = ?", reason, now, holdId)
    if (part === undefined) {
      if (rows.run("UPDATE idempotency SET outcome = ? WHERE hold_id = ?", outcome, holdId) > 0)
        layClaim(holdId, holdId)
      awaitDelivery(holdId, hold["expires_at"] as number)
    }
    if (before.hold !== undefined) refund(before.hold, "repeated", now)
    const charge = append(rows, {
      operationId: chargeId(holdId),
      at: now,
      accountId,
      keyId,
      holdId,
      kind: "charge",
      amount: 0 - amount,
      usage: usage.kind,
      model: usage.model,
      quantity: Math.max(billedQuantity(usage, part), before.quantity),
      served,
      rateVersion: hold["rate_version"] as number,
      reason,
    })
    spend(rows, accountId, keyId, now, amount)
    return { holdId, accountId, amount, balance: charge.balance, served, settledAt: now, replayed: false }
  }

  const release = ({ holdId, reason, refund: payBack, now }: Question<"release">): Answer<"release"> => {
    const claimed = rows.one("SELECT hold_id FROM claims WHERE claimant = ?", holdId)?.["hold_id"] as string | undefined
    const charged = claimed ?? holdId
    const hold = holdRow(rows, charged)
    if (hold?.["state"] === "held") {
      rows.run("UPDATE holds SET state = 'released', reason = ?, ended_at = ? WHERE id = ?", reason, now, holdId)
      return { done: "released" }
    }
    if (payBack) rows.run("DELETE FROM undelivered WHERE claimant = ?", holdId)
    if (!payBack || hold?.["state"] !== "settled") return { done: "nothing" }
    rows.run("DELETE FROM claims WHERE claimant = ?", holdId)
    if (rows.one("SELECT 1 FROM claims WHERE hold_id = ?", charged) !== undefined) return { done: "nothing" }
    return { done: refund(hold, reason, now) ? "refunded" : "nothing" }
  }

  return {
    hold: ({ holdId }) => {
      const hold = holdRow(rows, holdId)
      return hold === undefined ? null : toHold(hold)
    },
    reserve,
    afford,
    settle,
    delivered: ({ claims }) => {
      rows.run("DELETE FROM undelivered WHERE claimant IN (SELECT value FROM json_each(?))", JSON.stringify(claims))
      return null
    },
    release,
    renew: ({ holdId, expiresAt }) => ({
      live:
        rows.run(
          "UPDATE holds SET expires_at = max(expires_at, ?) WHERE id = ? AND state = 'held'",
          expiresAt,
          holdId,
        ) > 0,
    }),
    reap: ({ limit, now }) => {
      // Made while the clock ran ahead: it would not be due before that time comes again.
      rows.run(
        "UPDATE holds SET expires_at = ?1 + expires_at - created_at, created_at = ?1 WHERE state = 'held' AND created_at > ?2",
        now,
        now + clocksDisagree,
      )
      const due = rows.all(
        "SELECT id FROM holds WHERE state = 'held' AND expires_at <= ? ORDER BY expires_at LIMIT ?",
        now,
        limit,
      )
      for (const { id } of due) expire(id as string, now)
      const keptBack = rows.all("SELECT claimant FROM undelivered WHERE due <= ? ORDER BY due LIMIT ?", now, limit)
      const ends = keptBack.map(({ claimant }) =>
        release({ holdId: claimant as string, reason: "its answer was kept back by a crash", refund: true, now }),
      )
      const refunded = ends.filter(({ done }) => done === "refunded").length
      const old = "SELECT id FROM holds WHERE state <> 'held' AND ended_at <= ? ORDER BY ended_at LIMIT ?"
      rows.run(`DELETE FROM claims WHERE hold_id IN (${old})`, now - endedHoldAge, limit)
      const forgotten =
        forget(rows, now, limit) + rows.run(`DELETE FROM holds WHERE id IN (${old})`, now - endedHoldAge, limit)
      return { expired: due.length, refunded, forgotten }
    },
  }
}

/** For people: the charge is from the exact fraction. */
const percent = ({ handed, of }: Part) => `${Math.max(1, Math.floor((100 * handed) / of))} %`

const ended = (holdId: string, how: AlreadyReleased["how"], reason: string) =>
  new Refusal(new AlreadyReleased({ holdId, how, reason }))
