import { Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { Account, Terms } from "../billing/Account.ts"
import type { Entry } from "../billing/Entry.ts"
import { adminFlags, asking } from "./AdminCommand.ts"
import { money, moneyFlag } from "./Money.ts"
import { record, table, time } from "./Table.ts"

const id = Argument.String("account").pipe(Argument.withDescription("Id of the account"))

const termsFlags = {
  metered: Flag.Boolean("metered").pipe(Flag.withDefault(false), Flag.withDescription("It pays later, not before")),
  overdraft: moneyFlag("overdraft").pipe(
    Flag.withDefault(0),
    Flag.withDescription("How far a prepaid balance may pass below zero"),
  ),
  cap: moneyFlag("cap").pipe(Flag.optional, Flag.withDescription("Most that a metered account may spend in a month")),
}

const termsOf = (flags: { metered: boolean; overdraft: number; cap: Option.Option<number> }): Terms =>
  flags.metered
    ? { kind: "metered", monthlyCap: Option.getOrNull(flags.cap) }
    : { kind: "prepaid", overdraft: flags.overdraft }

const termsWords = (terms: Terms): string =>
  terms.kind === "prepaid"
    ? `prepaid${terms.overdraft === 0 ? "" : `, overdraft ${money(terms.overdraft)}`}`
    : `metered${terms.monthlyCap === null ? "" : `, at most ${money(terms.monthlyCap)} a month`}`

const showAccount = (account: Account) =>
  record({
    account: account.id,
    name: account.name,
    terms: termsWords(account.terms),
    balance: money(account.balance),
    reserved: money(account.held),
    "this month": money(account.spentThisMonth),
    opened: time(account.createdAt),
  })

const what = (entry: Entry) =>
  entry.usage === null
    ? entry.reason
    : `${entry.quantity} ${entry.usage === "speech" ? "characters" : "seconds"}, ${entry.model}, ${entry.served}`

const showEntries = (entries: ReadonlyArray<Entry>) =>
  table(
    ["entry", "time", "kind", "amount", "balance", "what", "key"],
    entries.map((entry) => [
      ...[entry.id, time(entry.at), entry.kind, money(entry.amount), money(entry.balance), what(entry), entry.keyId],
    ]),
  )

const create = Command.make(
  "create",
  { name: Argument.String("name"), ...termsFlags, ...adminFlags },
  ({ name, ...flags }) =>
    asking(flags, (client) => client.adminAccounts.open({ payload: { name, terms: termsOf(flags) } }), showAccount),
).pipe(Command.withDescription("Open an account: prepaid, unless --metered"))

const list = Command.make("list", adminFlags, (flags) =>
  asking(
    flags,
    (client) => client.adminAccounts.list(),
    ({ accounts, currency }) =>
      table(
        ["account", "name", "terms", `balance ${currency}`, "reserved", "this month"],
        accounts.map((one) => [
          ...[one.id, one.name, termsWords(one.terms), money(one.balance), money(one.held), money(one.spentThisMonth)],
        ]),
      ),
  ),
).pipe(Command.withDescription("List accounts"))

const show = Command.make("show", { id, ...adminFlags }, ({ id, ...flags }) =>
  asking(flags, (client) => client.adminAccounts.get({ params: { id } }), showAccount),
).pipe(Command.withDescription("Show one account"))

const change = Command.make(
  "change",
  {
    id,
    name: Flag.String("name").pipe(Flag.optional),
    ...termsFlags,
    prepaid: Flag.Boolean("prepaid").pipe(Flag.withDefault(false)),
    ...adminFlags,
  },
  ({ id, name, ...flags }) =>
    asking(
      flags,
      (client) =>
        client.adminAccounts.change({
          params: { id },
          payload: {
            ...(Option.isSome(name) ? { name: name.value } : {}),
            ...(flags.metered || flags.prepaid ? { terms: termsOf(flags) } : {}),
          },
        }),
      showAccount,
    ),
).pipe(Command.withDescription("Change an account's name, or with --prepaid or --metered its terms"))

const postingFlags = {
  operationId: Flag.String("operation-id").pipe(
    Flag.optional,
    Flag.withDescription("Makes a posting that is sent twice count once"),
  ),
}

const optionally = (operationId: Option.Option<string>) =>
  Option.isSome(operationId) ? { operationId: operationId.value } : {}

const topUp = Command.make(
  "top-up",
  {
    id,
    amount: moneyFlag("amount"),
    reason: Flag.String("reason").pipe(Flag.optional),
    ...postingFlags,
    ...adminFlags,
  },
  ({ id, amount, reason, operationId, ...flags }) =>
    asking(
      flags,
      (client) =>
        client.adminAccounts.deposit({
          params: { id },
          payload: { amount, ...optionally(operationId), ...(Option.isSome(reason) ? { reason: reason.value } : {}) },
        }),
      (entry) => showEntries([entry]),
    ),
).pipe(
  Command.withDescription("Put money into an account"),
  Command.withExamples([{ command: "aviary accounts top-up acct_1 --amount 12.50" }]),
)

const adjust = Command.make(
  "adjust",
  { id, amount: moneyFlag("amount"), reason: Flag.String("reason"), ...postingFlags, ...adminFlags },
  ({ id, amount, reason, operationId, ...flags }) =>
    asking(
      flags,
      (client) =>
        client.adminAccounts.adjust({ params: { id }, payload: { amount, reason, ...optionally(operationId) } }),
      (entry) => showEntries([entry]),
    ),
).pipe(
  Command.withDescription("Correct a balance, either way, with a reason"),
  Command.withExamples([{ command: 'aviary accounts adjust acct_1 --amount=-0.50 --reason "charged twice in May"' }]),
)

const statement = Command.make(
  "statement",
  {
    id,
    limit: Flag.Int("limit").pipe(Flag.withDefault(50), Flag.withDescription("Entries, newest first")),
    before: Flag.Int("before").pipe(Flag.optional, Flag.withDescription("Only entries older than this one")),
    ...adminFlags,
  },
  ({ id, limit, before, ...flags }) =>
    asking(
      flags,
      (client) =>
        client.adminAccounts.statement({
          params: { id },
          query: { limit, ...(Option.isSome(before) ? { before: before.value } : {}) },
        }),
      ({ entries, hasMore }) =>
        showEntries(entries) + (hasMore ? `\nThere are more: --before ${entries.at(-1)?.id}` : ""),
    ),
).pipe(Command.withDescription("List an account's entries"))

/** `aviary accounts` */
export const accounts = Command.make("accounts").pipe(
  Command.withDescription("Accounts of a running gateway: who pays, and what for"),
  Command.withSubcommands([create, list, show, change, topUp, adjust, statement]),
)
