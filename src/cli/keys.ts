import { Clock, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { ApiKey } from "../billing/ApiKey.ts"
import { money } from "../billing/Money.ts"
import { adminFlags, asking } from "./AdminCommand.ts"
import { given, nameArgument, wholeFlag } from "./Fields.ts"
import { fromZero, moneyFlag } from "./MoneyFlag.ts"
import { table } from "./Table.ts"
import { endingFlag, time } from "./Time.ts"
import { UsageError } from "./UsageError.ts"

const limitWords = ({ limits }: ApiKey): string =>
  [
    limits.requestsPerMinute === null ? [] : `${limits.requestsPerMinute} requests/min`,
    limits.charactersPerMinute === null ? [] : `${limits.charactersPerMinute} characters/min`,
    limits.monthlyCap === null ? [] : `${money(limits.monthlyCap)}/month`,
  ]
    .flat()
    .join(", ") || "-"

const state = ({ revokedAt, expiresAt }: ApiKey, now: number): string => {
  if (revokedAt !== null) return `revoked ${time(revokedAt)}`
  if (expiresAt === null) return "good"
  return `${expiresAt <= now ? "expired" : "until"} ${time(expiresAt)}`
}

const showKeys = (keys: ReadonlyArray<ApiKey>, now: number) =>
  table(
    ["key", "name", "ends in", "account", "limits", "state"],
    keys.map((key) => [key.id, key.name, key.hint, key.accountId, limitWords(key), state(key, now)]),
  )

const create = Command.make(
  "create",
  {
    name: nameArgument.pipe(Argument.withDescription("What the key is for")),
    account: Flag.String("account").pipe(Flag.withDescription("Id of the account that pays")),
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
    ...adminFlags,
  },
  Effect.fnUntraced(function* ({ name, account, ending, requests, characters, cap, ...flags }) {
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
      (client) =>
        client.adminKeys.create({ payload: { accountId: account, name, limits, ...given("expiresAt", expiresAt) } }),
      ({ key, text }) => `${showKeys([key], now)}\n\n${text}\n\nKeep it: it is not shown again.`,
    )
  }),
).pipe(Command.withDescription("Make a key and show it once"))

const list = Command.make(
  "list",
  { account: Flag.String("account").pipe(Flag.optional, Flag.withDescription("Only its keys")), ...adminFlags },
  Effect.fnUntraced(function* ({ account, ...flags }) {
    const now = yield* Clock.currentTimeMillis
    yield* asking(
      flags,
      (client) => client.adminKeys.list({ query: given("accountId", account) }),
      ({ keys }) => showKeys(keys, now),
    )
  }),
).pipe(Command.withDescription("List keys"))

const revoke = Command.make(
  "revoke",
  { id: Argument.String("key").pipe(Argument.withDescription("Id of the key, key_…")), ...adminFlags },
  Effect.fnUntraced(function* ({ id, ...flags }) {
    const now = yield* Clock.currentTimeMillis
    yield* asking(
      flags,
      (client) => client.adminKeys.revoke({ params: { id } }),
      (key) => showKeys([key], now),
    )
  }),
).pipe(Command.withDescription("Revoke a key, at once and for good"))

/** `aviary keys` */
export const keys = Command.make("keys").pipe(
  Command.withDescription("Keys of a running gateway's clients"),
  Command.withSubcommands([create, list, revoke]),
)
