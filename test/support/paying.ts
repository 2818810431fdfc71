import { Context, Effect, Layer, Redacted, Schedule } from "effect"
import { Accounts } from "../../src/billing/Accounts.ts"
import { Billing } from "../../src/billing/Billing.ts"
import { Ledger } from "../../src/billing/Ledger.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import { startAviary } from "./aviary.ts"
import { LedgerFaults, rates } from "./billing.ts"

/** A ledger in memory that outlives gateways, can be made to misbehave, and remembers the holds it was asked for. */
export const watchedLedger = Effect.gen(function* () {
  const ledger = Context.get(yield* Layer.build(SqliteLedger.layerMemory), Ledger)
  const faults: LedgerFaults["Service"] = new Map()
  const holds: Array<string> = []
  const watched = Ledger.of({
    ...ledger,
    run: (name, input) =>
      Effect.suspend(() => {
        if (name === "reserve" || name === "charge") holds.push((input as { holdId: string }).holdId)
        const run = ledger.run(name, input)
        return (faults.get(name) ?? ((it) => it))(run) as typeof run
      }),
  })
  /** How each hold stands, oldest first; `none` was never made. */
  const states = Effect.forEach(holds, (holdId) =>
    Effect.map(ledger.run("hold", { holdId }), (hold) => hold?.state ?? "none"),
  )
  return { layer: Layer.succeed(Ledger, watched), faults, states: Effect.suspend(() => states) }
})

type Start = Parameters<typeof startAviary>
type Loggers = NonNullable<NonNullable<Start[2]>["loggers"]>

/**
 * A whole gateway that asks for keys, and a prepaid account of 1,000,000 micro-units with a key. A code point and a begun
 * second cost one micro-unit; a hit costs half, a follower a quarter.
 */
export const startPaying = Effect.fnUntraced(function* (
  nim: Start[0],
  settings: Start[1] = {},
  { loggers = [], over }: { readonly loggers?: Loggers; readonly over?: Effect.Success<typeof watchedLedger> } = {},
) {
  const { layer: ledger, faults, states } = over ?? (yield* watchedLedger)
  const gateway = yield* startAviary(nim, { access: "keys", ...settings }, { loggers, ledger })
  const [accounts, billing] = [Context.get(gateway.services, Accounts), Context.get(gateway.services, Billing)]
  yield* accounts.publishRates(rates)
  const { id } = yield* accounts.open({ name: "Test", terms: { kind: "prepaid", overdraft: 0 } })
  yield* accounts.deposit({ accountId: id, amount: 1_000_000 })
  const { text } = yield* accounts.createKey({ accountId: id, name: "Test" })
  const books = Effect.gen(function* () {
    const { balance, held } = yield* accounts.get(id)
    const entries = yield* billing.statement({ accountId: id, before: null, limit: 100 })
    const charges = entries.toReversed().slice(1)
    return {
      spent: 1_000_000 - balance,
      held,
      entries: charges.map(({ kind, amount, served }) =>
        served === null ? `${kind} ${amount}` : `${kind} ${amount} ${served}`,
      ),
      holds: yield* states,
    }
  })
  const statement = billing.statement({ accountId: id, before: null, limit: 100 })
  /** The account once it is so, or as it is after five seconds. */
  const booksWhen = (isSo: (now: Effect.Success<typeof books>) => boolean) =>
    books.pipe(
      Effect.repeat({ until: isSo, schedule: Schedule.spaced("20 millis") }),
      Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => books }),
    )
  return {
    ...gateway,
    accounts,
    accountId: id,
    key: text,
    authorization: `Bearer ${Redacted.value(text)}`,
    faults,
    books,
    /** Entries, newest first. */
    statement,
    booksWhen,
    /** The account once no hold is live: what a gateway does after a client has left takes a moment. */
    settledBooks: booksWhen(({ holds }) => !holds.includes("held")),
  }
})
