import { Clock, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { ApiKey } from "../billing/ApiKey.ts"
import { Priority, usualPriority } from "../billing/Priority.ts"
import { money } from "../billing/Money.ts"
import { adminFlags, asking, type Client } from "./AdminCommand.ts"
import { given, nameArgument, wholeFlag } from "./Fields.ts"
import { fromZero, moneyFlag } from "./MoneyFlag.ts"
import { accountOf, keyOf, namesOf, shortIds } from "./Named.ts"
import { record, table, within } from "./Table.ts"
import { day, endingFlag, time } from "./Time.ts"
import { UsageError } from "./UsageError.ts"

const limitWords = ({ limits }: ApiKey): string =>
  [
    limits.requestsPerMinute === null ? [] : `${limits.requestsPerMinute} req/min`,
    limits.charactersPerMinute === null ? [] : `${limits.charactersPerMinute} chars/min`,
    limits.monthlyCap === null ? [] : `${money(limits.monthlyCap)}/month`,
  ]
    .flat()
    .join(", ") || "-"

const state = ({ revokedAt, expiresAt }: ApiKey, now: number): string => {
  if (revokedAt !== null) return `revoked ${day(revokedAt)}`
  if (expiresAt === null) return "good"
  return `${expiresAt <= now ? "expired" : "until"} ${day(expiresAt)}`
}

type Accounts = ReadonlyArray<{ readonly id: string; readonly name: string }>

const allAccounts = ({ adminAccounts }: Client) => Effect.map(adminAccounts.list(), ({ accounts }) => accounts)

const showKeys = (keys: ReadonlyArray<ApiKey>, accounts: Accounts, now: number) => {
  const short = shortIds(keys.map(({ id }) => id))
  const nameOf = namesOf(accounts)
  return table(
    ["key", "name", "ends in", "account", "req/min", "chars/min", "a month", "state"],
    keys.map((key) => [
      ...[short(key.id), within(22, key.name), key.hint, within(20, nameOf(key.accountId))],
      ...[key.limits.requestsPerMinute, key.limits.charactersPerMinute],
      key.limits.monthlyCap === null ? null : money(key.limits.monthlyCap),
      // A column of its own would not fit a terminal.
      state(key, now) + (key.priority === usualPriority ? "" : `, ${key.priority}`),
    ]),
  )
}

const showKey = (key: ApiKey, accounts: Accounts, now: number) =>
  record({
    key: key.id,
    name: key.name,
    "ends in": key.hint,
    account: `${namesOf(accounts)(key.accountId)} (${key.accountId})`,
    limits: limitWords(key),
    priority: key.priority,
    state: state(key, now),
    made: time(key.createdAt),
    ...(key.expiresAt === null ? {} : { expires: time(key.expiresAt) }),
    ...(key.revokedAt === null ? {} : { revoked: time(key.revokedAt) }),
  })

const create = Command.make(
  "create",
  {
    name: nameArgument.pipe(Argument.withDescription("What the key is for")),
    account: Flag.String("account").pipe(Flag.withDescription("Name or id of the account that pays")),
    ending: endingFlag("expires-in").pipe(
      Flag.withDescription('Such as "90 days", or a date such as 2027-01-01; without it the key does not expire'),
      Flag.optional,
    ),
    requests: wholeFlag("requests-per-minute", 1).pipe(Flag.optional, Flag.withDescription("Most requests a minute")),
    characters: wholeFlag("characters-per-minute", 1).pipe(
      Flag.optional,
      Flag.withDescription("Most characters of text a minute, all requests together"),
    ),
    cap: moneyFlag("monthly-cap", fromZero).pipe(
      Flag.optional,
      Flag.withDescription("Most that the key may spend in a calendar month (UTC)"),
    ),
    priority: Flag.Literals("priority", Priority.literals).pipe(
      Flag.optional,
      Flag.withDescription(
        "Which requests wait in front for an engine: live before normal before bulk; normal without it",
      ),
    ),
    ...adminFlags,
  },
  Effect.fnUntraced(function* ({ name, account, ending, requests, characters, cap, priority, ...flags }) {
    const now = yield* Clock.currentTimeMillis
    const limits = {
      ...given("requestsPerMinute", requests),
      ...given("charactersPerMinute", characters),
      ...given("monthlyCap", cap),
    }
    const expiresAt = Option.map(ending, (at) => at(now))
    if (Option.isSome(expiresAt) && expiresAt.value <= now) {
      return yield* new UsageError({ message: `--expires-in: ${time(expiresAt.value)} is over.` })
    }
    yield* asking(
      flags,
      Effect.fnUntraced(function* (client) {
        const accountId = yield* accountOf(client, account)
        return yield* client.adminKeys.create({
          payload: { accountId, name, limits, ...given("expiresAt", expiresAt), ...given("priority", priority) },
        })
      }),
      ({ key, text }, accounts: Accounts) =>
        `${showKey(key, accounts, now)}\n\n${text}\n\nKeep it: it is not shown again.`,
      // Whatever becomes of the names: the key is shown now or never.
      (client) => Effect.orElseSucceed(allAccounts(client), (): Accounts => []),
    )
  }),
).pipe(Command.withDescription("Make a key and show it once"))

const list = Command.make(
  "list",
  {
    account: Flag.String("account").pipe(
      Flag.optional,
      Flag.withDescription("Only the keys of this one, by its name or id"),
    ),
    ...adminFlags,
  },
  Effect.fnUntraced(function* ({ account, ...flags }) {
    const now = yield* Clock.currentTimeMillis
    yield* asking(
      flags,
      Effect.fnUntraced(function* (client) {
        const accountId = Option.isNone(account) ? account : Option.some(yield* accountOf(client, account.value))
        return yield* client.adminKeys.list({ query: given("accountId", accountId) })
      }),
      ({ keys }, accounts: Accounts) => showKeys(keys, accounts, now),
      allAccounts,
    )
  }),
).pipe(Command.withDescription("List keys"))

const revoke = Command.make(
  "revoke",
  { id: Argument.String("key").pipe(Argument.withDescription("Id of the key, key_…, or its name")), ...adminFlags },
  Effect.fnUntraced(function* ({ id, ...flags }) {
    const now = yield* Clock.currentTimeMillis
    yield* asking(
      flags,
      (client) => Effect.flatMap(keyOf(client, id), (id) => client.adminKeys.revoke({ params: { id } })),
      (key, accounts: Accounts) => showKey(key, accounts, now),
      allAccounts,
    )
  }),
).pipe(Command.withDescription("Revoke a key, at once and for good"))

/** `aviary keys` */
export const keys = Command.make("keys").pipe(
  Command.withDescription("Keys of a running gateway's clients"),
  Command.withSubcommands([create, list, revoke]),
)
