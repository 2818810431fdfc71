import { Effect } from "effect"
import { setTimeout as sleep } from "node:timers/promises"
import { rates } from "./billing.ts"
import { makeDice } from "./dice.ts"
import { type Heard, hear, type Several, startSeveral } from "./severalGateways.ts"

/**
 * @property atOnce requests that are under way at any time
 * @property share of what all requests cost that the account has
 * @property kills how often which is ended at once: a gateway, the whole database, or its connections
 */
export interface SharedLoad {
  readonly requests: number
  readonly atOnce: number
  readonly share: number
  readonly kills: { readonly gateways?: number; readonly servers?: number; readonly connections?: number }
  readonly seed: number
  readonly holdMillis?: number
}

/**
 * What a load over several gateways with one account showed.
 *
 * @property refused answers that said that there is no money
 * @property cut answers that broke off, or never began, and cost nothing
 * @property unavailable answers with status 503
 * @property forgiven clean answers that were paid back all the same: their gateway was killed before it noted that they were out, or was not back in time
 * @property faults whatever was not as it must be
 */
export interface SharedFigures {
  readonly clean: number
  readonly refused: number
  readonly cut: number
  readonly unavailable: number
  readonly forgiven: number
  readonly limit: number
  readonly spent: number
  readonly faults: ReadonlyArray<string>
}

/** Of different lengths, so that no two cost the same. */
const texts = Array.from(
  { length: 20 },
  (_, index) => `${"Several gateways, one truth. ".repeat(1 + (index % 3))}${"x".repeat(index)}`,
)

/**
 * Longer than a gateway takes to start again on a busy machine: until then nobody but its data directory knows which answers were out, and
 * a charge that is overdue and not known to be out is taken for one that a crash kept back.
 */
const usualHoldMillis = 30_000

/** An account with a key; everything costs one micro-unit a code point. */
const openPaying = Effect.fnUntraced(function* (several: Several, deposit: number) {
  yield* several.admin(0, "POST", "/admin/rates", { ...rates, hitShare: 10_000, coalescedShare: 10_000 })
  const { id } = yield* several.admin(0, "POST", "/admin/accounts", {
    name: "All",
    terms: { kind: "prepaid", overdraft: 0 },
  })
  yield* several.admin(0, "POST", `/admin/accounts/${String(id)}/deposits`, { amount: deposit })
  const { text, key } = yield* several.admin(0, "POST", "/admin/keys", { accountId: id, name: "load" })
  return { id: String(id), key: String(text), keyId: (key as unknown as { readonly id: string }).id }
})

/** Waits until it holds, however long that takes. */
const until = async (holds: () => boolean) => {
  while (!holds()) await sleep(20)
}

export const loadShared = Effect.fnUntraced(function* (options: SharedLoad) {
  const dice = makeDice(options.seed)
  const holdMillis = options.holdMillis ?? usualHoldMillis
  const asked = Array.from({ length: options.requests }, () => dice.pick(texts))
  const limit = Math.floor(asked.reduce((sum, text) => sum + text.length, 0) * options.share)
  const several = yield* startSeveral(3, {
    AVIARY_ACCESS: "keys",
    AVIARY_HOLD_TIMEOUT: `${holdMillis} millis`,
    AVIARY_MAGPIE_CONCURRENCY: "16",
    AVIARY_QUEUE_LENGTH: "5000",
  })
  const { gateways, agent, server, sql } = several
  const { id, key } = yield* openPaying(several, limit)

  const heard: Array<Heard> = []
  let [next, over] = [0, 0]
  const client = async () => {
    while (next < options.requests) {
      const index = next++
      const { url } = gateways[index % 3]!.now()
      heard[index] = await hear(agent, `${url}/v1/audio/speech`, {
        body: { model: "tts-1", voice: "alloy", input: asked[index]!, response_format: "pcm" },
        headers: { authorization: `Bearer ${key}`, "idempotency-key": `r${index}` },
      })
      over++
      // A gateway that is not there answers at once: its share of the requests must not be gone before it is back.
      if (heard[index].status === undefined) await sleep(50)
    }
  }

  const { kills } = options
  const plan = [
    ...Array<"gateway">(kills.gateways ?? 0).fill("gateway"),
    ...Array<"server">(kills.servers ?? 0).fill("server"),
    ...Array<"connections">(kills.connections ?? 0).fill("connections"),
  ]
  for (let index = plan.length - 1; index > 0; index--) {
    const other = dice.below(index + 1)
    ;[plan[index], plan[other]] = [plan[other]!, plan[index]!]
  }
  const harm = Effect.fnUntraced(function* (what: (typeof plan)[number]) {
    if (what === "gateway") {
      const { kill, start } = dice.pick(gateways)
      yield* kill
      yield* start
    } else if (what === "server") {
      yield* server.kill
      yield* server.start
    } else sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aviary'")
  })
  const harming = Effect.forEach(
    plan,
    (what, index) =>
      Effect.andThen(
        Effect.promise(() => until(() => over >= Math.floor((options.requests * (index + 0.5)) / (plan.length + 0.5)))),
        harm(what),
      ),
    { discard: true },
  )
  yield* Effect.all([Effect.promise(() => Promise.all(Array.from({ length: options.atOnce }, client))), harming], {
    concurrency: 2,
  })

  // Every owner that was killed is gone for as long as a hold waits for it; then the reaper of one that starts comes.
  const stillHeld = "SELECT (SELECT count(*) FROM holds WHERE state = 'held') + (SELECT count(*) FROM undelivered)"
  yield* Effect.sleep(holdMillis)
  for (let tries = 0; tries < 20 && sql(stillHeld) !== "0"; tries++) {
    yield* gateways[0]!.kill
    yield* gateways[0]!.start
    yield* Effect.sleep(500)
  }
  return judge({ several, id, limit, asked, heard })
})

const judge = ({
  several: { sql },
  id,
  limit,
  asked,
  heard,
}: {
  readonly several: Several
  readonly id: string
  readonly limit: number
  readonly asked: ReadonlyArray<string>
  readonly heard: ReadonlyArray<Heard>
}): SharedFigures => {
  const faults: Array<string> = []
  const charges = new Map<string, { readonly amount: number; readonly standing: boolean; readonly reason: string }>()
  const rows = sql(`SELECT i.key, 0 - c.amount, coalesce(r.reason, ''), r.id IS NULL FROM idempotency i
    JOIN entries c ON c.operation_id = 'charge:' || i.hold_id LEFT JOIN entries r ON r.operation_id = 'refund:' || i.hold_id`)
  for (const row of rows.split("\n").filter(Boolean)) {
    const [key, amount, reason, standing] = row.split("|") as [string, string, string, string]
    if (charges.has(key)) faults.push(`${key} is charged twice`)
    charges.set(key, { amount: Number(amount), standing: standing === "t", reason })
  }
  let [clean, refused, cut, unavailable, forgiven] = [0, 0, 0, 0, 0]
  heard.forEach((answer, index) => {
    const charge = charges.get(`r${index}`)
    const what = `request ${index} (${answer.status}, ${answer.clean ? "whole" : "not whole"})`
    if (answer.clean) {
      clean++
      if (charge?.standing === true && charge.amount === asked[index]!.length) return
      if (charge?.standing === false && charge.reason.includes("crash")) return void forgiven++
      faults.push(`${what} is charged as ${JSON.stringify(charge)}`)
      return
    }
    if (answer.status === 429) refused++
    else if (answer.status === 503) unavailable++
    else if (answer.status === undefined || answer.status === 200) cut++
    else faults.push(`${what} was answered ${answer.body.toString().slice(0, 200)}`)
    if (charge?.standing === true) faults.push(`${what} is charged ${charge.amount}`)
  })
  const spent = limit - Number(sql(`SELECT balance FROM accounts WHERE id = '${id}'`))
  if (spent > limit) faults.push(`spent ${spent} of ${limit}`)
  const wrong = {
    "holds that have not ended": "SELECT count(*) FROM holds WHERE state = 'held'",
    "answers that nobody knows to be out": "SELECT count(*) FROM undelivered",
    "balances that are not the sum of their entries":
      "SELECT count(*) FROM accounts WHERE balance <> (SELECT coalesce(sum(amount), 0) FROM entries WHERE account_id = accounts.id)",
    "entries after which less than nothing was left": `SELECT count(*) FROM entries WHERE account_id = '${id}' AND balance < 0`,
    "holds charged twice": "SELECT count(*) - count(DISTINCT hold_id) FROM entries WHERE kind = 'charge'",
    "holds settled without a charge":
      "SELECT count(*) FROM holds WHERE state = 'settled' AND NOT EXISTS (SELECT 1 FROM entries WHERE kind = 'charge' AND hold_id = holds.id)",
  }
  for (const [what, query] of Object.entries(wrong)) {
    const count = Number(sql(query))
    if (count > 0) faults.push(`${count} ${what}`)
  }
  return { clean, refused, cut, unavailable, forgiven, limit, spent, faults }
}
