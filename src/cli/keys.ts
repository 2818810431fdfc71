import { Clock, Duration, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { ApiKey } from "../billing/ApiKey.ts"
import { adminFlags, asking } from "./AdminCommand.ts"
import { money, moneyFlag } from "./Money.ts"
import { table, time } from "./Table.ts"

const limitWords = ({ limits }: ApiKey): string =>
  [
    limits.requestsPerMinute === null ? [] : `${limits.requestsPerMinute} requests/min`,
    limits.charactersPerMinute === null ? [] : `${limits.charactersPerMinute} characters/min`,
    limits.monthlyCap === null ? [] : `${money(limits.monthlyCap)}/month`,
  ]
    .flat()
    .join(", ") || "-"

const state = (key: ApiKey): string =>
  key.revokedAt !== null
    ? `revoked ${time(key.revokedAt)}`
    : key.expiresAt !== null
      ? `until ${time(key.expiresAt)}`
      : "good"

const showKeys = (keys: ReadonlyArray<ApiKey>) =>
  table(
    ["key", "name", "ends in", "account", "limits", "state"],
    keys.map((key) => [key.id, key.name, key.hint, key.accountId, limitWords(key), state(key)]),
  )

const given = <N extends string, A>(name: N, value: Option.Option<A>) =>
  (Option.isSome(value) ? { [name]: value.value } : {}) as { readonly [K in N]?: A }

const create = Command.make(
  "create",
  {
    name: Argument.String("name").pipe(Argument.withDescription("What the key is for")),
    account: Flag.String("account").pipe(Flag.withDescription("Id of the account that pays")),
    expires: Flag.String("expires-in").pipe(
      Flag.withSchema(Schema.DurationFromString),
      Flag.withDescription('Such as "90 days"; without it the key does not expire'),
      Flag.optional,
    ),
    requests: Flag.Int("requests-per-minute").pipe(Flag.optional),
    characters: Flag.Int("characters-per-minute").pipe(Flag.optional),
    cap: moneyFlag("monthly-cap").pipe(Flag.optional),
    ...adminFlags,
  },
  Effect.fnUntraced(function* ({ name, account, expires, requests, characters, cap, ...flags }) {
    const now = yield* Clock.currentTimeMillis
    const limits = {
      ...given("requestsPerMinute", requests),
      ...given("charactersPerMinute", characters),
      ...given("monthlyCap", cap),
    }
    const expiresAt = Option.map(expires, (duration) => now + Duration.toMillis(duration))
    yield* asking(
      flags,
      (client) =>
        client.adminKeys.create({ payload: { accountId: account, name, limits, ...given("expiresAt", expiresAt) } }),
      ({ key, text }) => `${showKeys([key])}\n\n${text}\n\nKeep it: it is not shown again.`,
    )
  }),
).pipe(Command.withDescription("Make a key and show it once"))

const list = Command.make(
  "list",
  { account: Flag.String("account").pipe(Flag.optional, Flag.withDescription("Only its keys")), ...adminFlags },
  ({ account, ...flags }) =>
    asking(
      flags,
      (client) => client.adminKeys.list({ query: given("accountId", account) }),
      ({ keys }) => showKeys(keys),
    ),
).pipe(Command.withDescription("List keys"))

const revoke = Command.make(
  "revoke",
  { id: Argument.String("key").pipe(Argument.withDescription("Id of the key")), ...adminFlags },
  ({ id, ...flags }) =>
    asking(
      flags,
      (client) => client.adminKeys.revoke({ params: { id } }),
      (key) => showKeys([key]),
    ),
).pipe(Command.withDescription("Revoke a key, at once and for good"))

/** `aviary keys` */
export const keys = Command.make("keys").pipe(
  Command.withDescription("Keys of a running gateway's clients"),
  Command.withSubcommands([create, list, revoke]),
)
