import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { randomUUID } from "node:crypto"
import type { Account } from "../billing/Account.ts"
import type { LedgerEntry } from "../billing/LedgerEntry.ts"
import { money } from "../billing/Money.ts"
import { AdminCallError } from "../client/AdminCallError.ts"
import { type AdminFlags, adminFlags, asking, type Client } from "./AdminCommand.ts"
import { given, nameArgument, textFlag, wholeFlag } from "./Fields.ts"
import { aboveZero, moneyFlag, notZero } from "./MoneyFlag.ts"
import { program } from "./Program.ts"
import { accountOf, type NameOf, namesOf, shortIds } from "./Named.ts"
import { record, table, within } from "./Table.ts"
import { namedTerms, termsFlags, termsWords } from "./Terms.ts"
import { time } from "./Time.ts"
import { UsageError } from "./UsageError.ts"

const id = Argument.String("account").pipe(Argument.withDescription("Name or id of the account"))

const showAccount = (account: Account) =>
  record({
    account: account.id,
    name: account.name,
    terms: termsWords(account.terms),
    state: account.state,
    balance: money(account.balance),
    reserved: money(account.held),
    "this month": money(account.spentThisMonth),
    opened: account.createdAt === 0 ? "with the ledger" : time(account.createdAt),
  })

const what = (entry: LedgerEntry) =>
  entry.usage === null
    ? entry.reason
    : `${entry.quantity} ${entry.usage === "speech" ? "characters" : "seconds"}, ${entry.served}, ${entry.model}`

const showEntries = (entries: ReadonlyArray<LedgerEntry>, keyName: NameOf) =>
  table(
    ["entry", "time", "kind", "amount", "balance", "what", "key"],
    entries.map((entry) => [
      ...[entry.id, time(entry.at), entry.kind, money(entry.amount), money(entry.balance)],
      ...[within(36, what(entry)), within(16, keyName(entry.keyId))],
    ]),
  )

/** Runs `call` with the id of the account that `given` names. */
const onAccount = <A, E>(given: string, call: (client: Client, id: string) => Effect.Effect<A, E>) =>
  Effect.fnUntraced(function* (client: Client) {
    return yield* call(client, yield* accountOf(client, given))
  })

const create = Command.make(
  "create",
  { name: nameArgument, ...termsFlags, ...adminFlags },
  Effect.fnUntraced(function* ({ name, ...flags }) {
    const named = yield* namedTerms(flags)
    const terms = Option.isSome(named) ? named.value(undefined) : ({ kind: "prepaid", overdraft: 0 } as const)
    yield* asking(flags, (client) => client.adminAccounts.open({ payload: { name, terms } }), showAccount)
  }),
).pipe(Command.withDescription("Open an account: prepaid, unless a flag says that it is metered"))

const list = Command.make("list", adminFlags, (flags) =>
  asking(
    flags,
    (client) => client.adminAccounts.list(),
    ({ accounts, currency }) => {
      const short = shortIds(accounts.map(({ id }) => id))
      return table(
        ["account", "name", "state", "terms", `balance ${currency}`, "reserved", "this month"],
        accounts.map((one) => [
          ...[short(one.id), within(22, one.name), one.state, termsWords(one.terms)],
          ...[money(one.balance), money(one.held), money(one.spentThisMonth)],
        ]),
      )
    },
  ),
).pipe(Command.withDescription("List accounts"))

const show = Command.make("show", { id, ...adminFlags }, ({ id, ...flags }) =>
  asking(
    flags,
    onAccount(id, ({ adminAccounts }, id) => adminAccounts.get({ params: { id } })),
    showAccount,
  ),
).pipe(Command.withDescription("Show one account"))

const change = Command.make(
  "change",
  {
    id,
    name: textFlag("name").pipe(Flag.optional, Flag.withDescription("What it is called from now on")),
    ...termsFlags,
    ...adminFlags,
  },
  Effect.fnUntraced(function* ({ id, name, ...flags }) {
    const named = yield* namedTerms(flags)
    if (Option.isNone(name) && Option.isNone(named)) {
      return yield* new UsageError({
        message: "Say what to change: --name, --prepaid, --overdraft, --metered, --cap or --no-cap.",
      })
    }
    yield* asking(
      flags,
      Effect.fnUntraced(function* (client) {
        const { adminAccounts } = client
        const params = { id: yield* accountOf(client, id) }
        const terms = Option.isNone(named) ? {} : { terms: named.value((yield* adminAccounts.get({ params })).terms) }
        return yield* adminAccounts.change({ params, payload: { ...given("name", name), ...terms } })
      }),
      showAccount,
    )
  }),
).pipe(Command.withDescription("Change an account's name or terms; what no flag names stays"))

const freeze = Command.make("freeze", { id, ...adminFlags }, ({ id, ...flags }) =>
  asking(
    flags,
    onAccount(id, ({ adminAccounts }, id) => adminAccounts.freeze({ params: { id } })),
    showAccount,
  ),
).pipe(Command.withDescription("Refuse an account's keys until it is unfrozen; what is under way goes on"))

const unfreeze = Command.make("unfreeze", { id, ...adminFlags }, ({ id, ...flags }) =>
  asking(
    flags,
    onAccount(id, ({ adminAccounts }, id) => adminAccounts.unfreeze({ params: { id } })),
    showAccount,
  ),
).pipe(Command.withDescription("Let a frozen account's keys in again"))

const close = Command.make("close", { id, ...adminFlags }, ({ id, ...flags }) =>
  asking(
    flags,
    onAccount(id, ({ adminAccounts }, id) => adminAccounts.close({ params: { id } })),
    (account) =>
      account.balance === 0
        ? showAccount(account)
        : `${showAccount(account)}\n\nIts balance stays. To pay it out or write it off: ${program} accounts adjust ${account.id} --amount ${money(-account.balance)} --reason …`,
  ),
).pipe(Command.withDescription("Close an account, for good: its keys are revoked, its entries stay"))

const operationId = textFlag("operation-id").pipe(
  Flag.optional,
  Flag.withDescription("Makes a posting that is sent twice count once; made anew without it"),
)

/** Posts money. Where it is not certain that nothing was done, the message says how to repeat it without doing it twice. */
const posting = (
  flags: AdminFlags,
  account: string,
  chosen: Option.Option<string>,
  post: (client: Client, id: string, operationId: string) => Effect.Effect<LedgerEntry, unknown>,
) =>
  Effect.suspend(() => {
    const operationId = Option.getOrElse(chosen, () => randomUUID())
    return asking(
      flags,
      onAccount(account, (client, id) => post(client, id, operationId)),
      (entry) => showEntries([entry], (id) => id),
    ).pipe(
      Effect.catchTag(
        "AdminCallError",
        ({ message, code, undone }) =>
          new AdminCallError({
            message: undone
              ? message
              : `${message} It may have been posted all the same: repeat it with --operation-id ${operationId}, and it counts once.`,
            code,
            undone,
          }),
      ),
    )
  })

const topUp = Command.make(
  "top-up",
  {
    id,
    amount: moneyFlag("amount", aboveZero).pipe(Flag.withDescription("How much")),
    reason: textFlag("reason").pipe(Flag.optional, Flag.withDescription("What for, for the statement")),
    operationId,
    ...adminFlags,
  },
  ({ id, amount, reason, operationId, ...flags }) =>
    posting(flags, id, operationId, (client, id, operationId) =>
      client.adminAccounts.deposit({
        params: { id },
        payload: { amount, operationId, ...given("reason", reason) },
      }),
    ),
).pipe(
  Command.withDescription("Put money into an account"),
  Command.withExamples([{ command: "aviary accounts top-up acct_1 --amount 12.50" }]),
)

const adjust = Command.make(
  "adjust",
  {
    id,
    amount: moneyFlag("amount", notZero).pipe(Flag.withDescription("How much; below 0 it is taken away")),
    reason: textFlag("reason").pipe(Flag.withDescription("What for, for the statement")),
    operationId,
    ...adminFlags,
  },
  ({ id, amount, reason, operationId, ...flags }) =>
    posting(flags, id, operationId, (client, id, operationId) =>
      client.adminAccounts.adjust({ params: { id }, payload: { amount, reason, operationId } }),
    ),
).pipe(
  Command.withDescription("Correct a balance, either way, with a reason"),
  Command.withExamples([{ command: 'aviary accounts adjust acct_1 --amount -0.50 --reason "charged twice in May"' }]),
)

const statement = Command.make(
  "statement",
  {
    id,
    limit: wholeFlag("limit", 1, 1_000).pipe(
      Flag.withDefault(50),
      Flag.withDescription("How many entries, newest first"),
    ),
    before: wholeFlag("before", 1).pipe(
      Flag.optional,
      Flag.withDescription("Only entries older than this one of them"),
    ),
    ...adminFlags,
  },
  ({ id, limit, before, ...flags }) =>
    asking(
      flags,
      onAccount(id, ({ adminAccounts }, id) =>
        adminAccounts.statement({ params: { id }, query: { limit, ...given("before", before) } }),
      ),
      ({ entries, hasMore }, keyName: NameOf) =>
        showEntries(entries, keyName) + (hasMore ? `\nThere are more: --before ${entries.at(-1)?.id}` : ""),
      onAccount(id, ({ adminKeys }, accountId) =>
        Effect.map(adminKeys.list({ query: { accountId } }), ({ keys }) => namesOf(keys)),
      ),
    ),
).pipe(Command.withDescription("List an account's entries"))

/** `aviary accounts` */
export const accounts = Command.make("accounts").pipe(
  Command.withDescription("Accounts of a running gateway: who pays, and what for"),
  Command.withSubcommands([create, list, show, change, freeze, unfreeze, close, topUp, adjust, statement]),
)
