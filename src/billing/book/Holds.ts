import {
  type BillingReason,
  CapReached,
  IdempotencyConflict,
  IdempotencyInProgress,
  InsufficientQuota,
  InvalidKey,
  UnknownAccount,
  UnknownKey,
} from "../BillingError.ts"
import { stopped } from "../Account.ts"
import { unusable } from "../ApiKey.ts"
import type { Hold } from "../Hold.ts"
import type { Question, Reserve } from "../Operations.ts"
import { price, type RateCard } from "../RateCard.ts"
import type { Usage } from "../Usage.ts"
import { stateOf, termsOf } from "./AccountRules.ts"
import { entryOf, monthOf, refundId } from "./Entries.ts"
import { cardAt } from "./Rates.ts"
import { Refusal } from "./Refusal.ts"
import { all, change, one, type Row, type Rule, type Rules, write } from "./Statement.ts"

export const holdRow = (id: string): Rule<Row | undefined> => one("SELECT * FROM holds WHERE id = ?", id)

export const usageOf = (row: Row): Usage => {
  const [model, size] = [row["model"] as string, row["size"] as number]
  return row["usage"] === "speech"
    ? { kind: "speech", model, characters: size }
    : { kind: "transcription", model, audioMillis: size }
}

/** With `replay`, as what another request with its idempotency key is answered from. */
const toHold = (row: Row, replay?: { readonly claim: string; readonly outcome: string | null }): Hold => ({
  id: row["id"] as string,
  claim: replay?.claim ?? (row["id"] as string),
  accountId: row["account_id"] as string,
  keyId: row["key_id"] as string | null,
  usage: usageOf(row),
  amount: row["amount"] as number,
  rateVersion: row["rate_version"] as number,
  state: row["state"] as Hold["state"],
  reason: row["reason"] as string | null,
  createdAt: row["created_at"] as number,
  expiresAt: row["expires_at"] as number,
  replayed: replay !== undefined,
  outcome: replay?.outcome ?? null,
})

export const expire = (id: string, now: number): Rule<void> =>
  write(
    "UPDATE holds SET state = 'expired', reason = 'its owner is gone', ended_at = ? WHERE id = ? AND state = 'held'",
    now,
    id,
  )

const expireOverdueOf = (accountId: string, now: number): Rule<number> =>
  change(
    "UPDATE holds SET state = 'expired', reason = 'its owner is gone', ended_at = ?1 WHERE account_id = ?2 AND state = 'held' AND expires_at <= ?1",
    now,
    accountId,
  )

/** While a request has a claim to a charge, no other that failed has it paid back. */
export const layClaim = (claimant: string, holdId: string): Rule<void> =>
  write("INSERT INTO claims (claimant, hold_id) VALUES (?, ?) ON CONFLICT DO NOTHING", claimant, holdId)

/** Until its answer is out, or `due` is over and a crash has kept it back. */
export const awaitDelivery = (claimant: string, due: number): Rule<void> =>
  write("INSERT INTO undelivered (claimant, due) VALUES (?, ?) ON CONFLICT DO NOTHING", claimant, due)

type Payer = Pick<Reserve, "accountId" | "keyId" | "now">

const live =
  "SELECT coalesce(sum(amount), 0) FROM holds WHERE account_id = accounts.id AND state = 'held' AND expires_at > ?1"
const spentBy = (subject: string) => `SELECT spent FROM spending WHERE subject = ${subject} AND month = ?2`

/** Sums are made only where there is a limit that they count against. */
const ofAccount = `accounts.*, (SELECT count(*) FROM holds WHERE id = ?3) AS reserved,
  CASE WHEN accounts.kind = 'prepaid' OR accounts.monthly_cap IS NOT NULL THEN (${live}) END AS held,
  CASE WHEN accounts.monthly_cap IS NOT NULL THEN (${spentBy("accounts.id")}) END AS spent`
const ofKey = `keys.id AS "keyId", keys.account_id AS "keyAccount", keys.expires_at AS "keyExpiresAt",
  keys.revoked_at AS "keyRevokedAt", keys.monthly_cap AS "keyCap",
  CASE WHEN keys.monthly_cap IS NOT NULL THEN (${live} AND key_id = keys.id) END AS "keyHeld",
  CASE WHEN keys.monthly_cap IS NOT NULL THEN (${spentBy("keys.id")}) END AS "keySpent"`

/** All that decides whether somebody may pay, as it is now: in one statement, since every request waits for it. */
const withoutKey = `SELECT ${ofAccount} FROM accounts WHERE accounts.id = ?4`
const withKey = `SELECT ${ofAccount}, ${ofKey} FROM accounts LEFT JOIN keys ON keys.id = ?5 WHERE accounts.id = ?4`

/** @property reserved whether there is the hold that was asked for */
interface Means {
  readonly reserved: boolean
  readonly row: Row | undefined
}

/** What a payer has. Live holds count; with `dueAfter`, only those that expire later. */
function* meansOf({ accountId, keyId, now }: Payer, holdId: string | null, dueAfter = 0): Rule<Means> {
  const values = [dueAfter, monthOf(now), holdId, accountId]
  const row = yield* keyId === null ? one(withoutKey, ...values) : one(withKey, ...values, keyId)
  return { row, reserved: row?.["reserved"] === 1 }
}

/** The account that is to pay, where it and the key may be used. */
const usable = ({ accountId, keyId, now }: Payer, row: Row | undefined): Row => {
  if (row === undefined) throw new Refusal(new UnknownAccount({ accountId }))
  const halt = stopped(accountId, stateOf(row))
  if (halt !== undefined) throw new Refusal(halt)
  if (keyId === null) return row
  if (row["keyId"] === null) throw new Refusal(new UnknownKey({ keyId }))
  const key = {
    id: keyId,
    expiresAt: row["keyExpiresAt"] as number | null,
    revokedAt: row["keyRevokedAt"] as number | null,
  }
  const reason = row["keyAccount"] === accountId ? unusable(key, now) : new InvalidKey()
  if (reason !== undefined) throw new Refusal(reason)
  return row
}

/** Whether `needed` more micro-units may be reserved: why not, or what is left then; null: as much as one likes. What costs nothing is always admitted. */
const weigh = (
  payer: Payer,
  { row: found }: Means,
  needed: number,
): { refusal?: BillingReason; room: number | null } => {
  const row = usable(payer, found)
  const amountOf = (column: string) => (row[column] as number | null) ?? 0
  const terms = termsOf(row)
  const keyCap = (row["keyCap"] as number | null | undefined) ?? null
  let room: number | null = null
  if (terms.kind === "prepaid") {
    const available = amountOf("balance") + terms.overdraft - amountOf("held")
    room = available - needed
    if (needed > 0 && room < 0) return { room, refusal: new InsufficientQuota({ available, needed }) }
  } else if (terms.monthlyCap !== null) {
    const [cap, used] = [terms.monthlyCap, amountOf("spent") + amountOf("held")]
    room = cap - used - needed
    if (needed > 0 && room < 0) return { room, refusal: new CapReached({ scope: "account", cap, used, needed }) }
  }
  if (keyCap !== null) {
    const used = amountOf("keySpent") + amountOf("keyHeld")
    const left = keyCap - used - needed
    room = Math.min(room ?? left, left)
    if (needed > 0 && left < 0) return { room, refusal: new CapReached({ scope: "key", cap: keyCap, used, needed }) }
  }
  return { room }
}

/** How long an idempotency key is remembered, in milliseconds. */
const rememberedFor = 24 * 60 * 60 * 1000

/**
 * The hold of an earlier request with the same idempotency key and what it left.
 *
 * - `paid` in full, so that nothing is charged for the same again; `part` its client left and has paid for what it was handed
 * - `overdue` its owner is gone; `failed` nothing was charged for it
 */
interface Earlier {
  readonly was: "paid" | "part" | "overdue" | "failed"
  readonly hold: Row
  readonly id: string
  readonly outcome: string | null
}

function* earlier({
  accountId,
  idempotency,
  now,
}: Pick<Reserve, "accountId" | "idempotency" | "now">): Rule<Earlier | undefined> {
  if (idempotency === null) return undefined
  const known = yield* one("SELECT * FROM idempotency WHERE account_id = ? AND key = ?", accountId, idempotency.key)
  if (known === undefined || (known["created_at"] as number) <= now - rememberedFor) return undefined
  if (known["fingerprint"] !== idempotency.fingerprint) throw new Refusal(new IdempotencyConflict())
  const hold = yield* one("SELECT * FROM holds WHERE id = ?", known["hold_id"] as string)
  if (hold === undefined) return undefined
  const found = { hold, id: hold["id"] as string, outcome: known["outcome"] as string | null }
  if (hold["state"] === "held") {
    if ((hold["expires_at"] as number) > now) throw new Refusal(new IdempotencyInProgress())
    return { ...found, was: "overdue" }
  }
  const charged = hold["state"] === "settled" && (yield* entryOf(refundId(found.id))) === undefined
  return { ...found, was: !charged ? "failed" : hold["reason"] === null ? "paid" : "part" }
}

/** Lets requests with the same idempotency key find the hold of this one. */
function* remember({ holdId, accountId, idempotency, now }: Reserve): Rule<void> {
  if (idempotency === null) return
  yield* write(
    `INSERT INTO idempotency (account_id, key, fingerprint, hold_id, created_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (account_id, key) DO UPDATE
     SET fingerprint = excluded.fingerprint, hold_id = excluded.hold_id, created_at = excluded.created_at, outcome = NULL`,
    accountId,
    idempotency.key,
    idempotency.fingerprint,
    holdId,
    now,
  )
}

/** Forgets keys that are too old, `limit` at most; answers with how many. */
export const forget = (now: number, limit: number): Rule<number> =>
  change(
    "DELETE FROM idempotency WHERE (account_id, key) IN (SELECT account_id, key FROM idempotency WHERE created_at <= ? LIMIT ?)",
    now - rememberedFor,
    limit,
  )

function* hold({ holdId }: Question<"hold">): Rule<Hold | null> {
  const row = yield* holdRow(holdId)
  return row === undefined ? null : toHold(row)
}

function* holds({ limit }: Question<"holds">): Rule<ReadonlyArray<Hold>> {
  const rows = yield* all("SELECT * FROM holds WHERE state = 'held' ORDER BY created_at DESC, id LIMIT ?", limit)
  return rows.map((row) => toHold(row))
}

function* afford(input: Question<"afford">): Rule<null> {
  if ((yield* earlier(input))?.was === "paid") return null
  const amount = price(yield* cardAt(input.now), input.usage, input.served)
  let { refusal } = weigh(input, yield* meansOf(input, null), amount)
  // As if what is overdue had expired.
  if (refusal !== undefined) ({ refusal } = weigh(input, yield* meansOf(input, null, input.now), amount))
  if (refusal !== undefined) throw new Refusal(refusal)
  return null
}

/** A hold that may be made, and for how much. */
interface Admitted {
  readonly amount: number
  readonly card: RateCard
  readonly repeats: string | null
  /** How many more like it; null: as many as one likes. */
  readonly more: number | null
}

/** Whether a request may have a hold: refuses it, or answers with one that it has already. */
export function* admit(input: Question<"reserve">): Rule<{ readonly has: Hold } | Admitted> {
  let means = yield* meansOf(input, input.holdId)
  if (means.reserved) return { has: toHold((yield* holdRow(input.holdId)) as Row) }
  const before = yield* earlier(input)
  if (before?.was === "paid" && input.again !== true) {
    yield* layClaim(input.holdId, before.id)
    yield* awaitDelivery(input.holdId, input.expiresAt)
    return { has: toHold(before.hold, { claim: input.holdId, outcome: before.outcome }) }
  }
  if (before?.was === "overdue") {
    yield* expire(before.id, input.now)
    means = yield* meansOf(input, input.holdId)
  }
  // What a client has paid for a part is counted in when it repeats the request, however often it fails in between.
  const repeats = before?.was === "part" ? before.id : before?.was === "paid" ? null : (before?.hold["repeats"] ?? null)

  const card = yield* cardAt(input.now)
  const amount = price(card, input.usage, input.served ?? "MISS")
  let found = weigh(input, means, amount)
  if (found.refusal !== undefined && (yield* expireOverdueOf(input.accountId, input.now)) > 0)
    found = weigh(input, yield* meansOf(input, input.holdId), amount)
  if (found.refusal !== undefined) throw new Refusal(found.refusal)
  const full = price(card, input.usage, "MISS")
  const more = found.room === null || full === 0 ? null : Math.floor(found.room / full)
  return { amount, card, repeats: repeats as string | null, more }
}

/** @param endedAt when it was charged, of one that begins and ends at once */
export function* begin(
  input: Question<"reserve">,
  { amount, card, repeats, more }: Admitted,
  endedAt: number | null = null,
): Rule<Hold> {
  const { accountId, expiresAt, holdId, keyId, now, usage } = input
  yield* write(
    `INSERT INTO holds (id, account_id, key_id, usage, model, size, amount, rate_version, state, created_at, expires_at, ended_at, repeats)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    holdId,
    accountId,
    keyId,
    usage.kind,
    usage.model,
    usage.kind === "speech" ? usage.characters : usage.audioMillis,
    amount,
    card.version,
    endedAt === null ? "held" : "settled",
    now,
    expiresAt,
    endedAt,
    repeats,
  )
  yield* remember(input)
  return {
    ...{ id: holdId, claim: holdId, accountId, keyId, usage, amount, rateVersion: card.version },
    ...{ state: "held", reason: null, createdAt: now, expiresAt, replayed: false, outcome: null, more },
  }
}

function* reserve(input: Question<"reserve">): Rule<Hold> {
  const admitted = yield* admit(input)
  return "has" in admitted ? admitted.has : yield* begin(input, admitted)
}

export const holdRules: Rules<"hold" | "holds" | "reserve" | "afford"> = { hold, holds, reserve, afford }
