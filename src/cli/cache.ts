import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { notSent } from "../client/AdminCallError.ts"
import { adminFlags, asking, type Client } from "./AdminCommand.ts"
import { given, switchFlag, wholeFlag } from "./Fields.ts"
import { shortIds } from "./Named.ts"
import { record, table, within } from "./Table.ts"
import { time } from "./Time.ts"
import { UsageError } from "./UsageError.ts"

const removed = ({ removed }: { readonly removed: number }) =>
  `Removed ${removed} ${removed === 1 ? "entry" : "entries"}.`

const stats = Command.make("stats", adminFlags, (flags) =>
  asking(
    flags,
    (client) => client.adminCache.stats(),
    ({ enabled, scanned, ...counts }) =>
      record({
        enabled: enabled ? "yes" : "no: AVIARY_CACHE_MAX_BYTES is 0",
        entries: scanned ? counts.entries : `${counts.entries}, and more that are not counted yet`,
        bytes: `${counts.bytes} of ${counts.maxBytes}`,
        "in memory": `${counts.memoryEntries} entries, ${counts.memoryBytes} bytes`,
        "broken, removed": counts.broken,
        evicted: counts.evicted,
      }),
  ),
).pipe(Command.withDescription("Show what the cache holds"))

const list = Command.make(
  "list",
  {
    limit: wholeFlag("limit", 1, 1_000).pipe(
      Flag.withDefault(100),
      Flag.withDescription("Entries to show, at most 1000"),
    ),
    after: Flag.String("after").pipe(Flag.withDescription("The last key of the list before"), Flag.optional),
    ...adminFlags,
  },
  ({ limit, after, ...flags }) =>
    asking(
      flags,
      (client) => client.adminCache.list({ query: { limit, ...given("after", after) } }),
      ({ entries, hasMore }) => {
        const short = shortIds(
          entries.map(({ key }) => key),
          16,
        )
        const shown = table(
          ["key", "made", "voice", "type", "characters", "seconds", "bytes"],
          entries.map((entry) => [
            ...[short(entry.key), time(entry.created), within(32, entry.voice), entry.contentType, entry.characters],
            ...[Math.round(entry.durationMs / 100) / 10, entry.length],
          ]),
        )
        return hasMore ? `${shown}\n\nThere are more: --after ${entries.at(-1)?.key}` : shown
      },
    ),
).pipe(Command.withDescription("List entries, by key"))

/** The key that begins with `given`; what no key begins with is left for the gateway to refuse. */
const wholeKey = Effect.fnUntraced(function* ({ adminCache }: Client, given: string) {
  if (!/^[0-9a-f]{4,63}$/.test(given)) return given
  const { entries } = yield* adminCache.list({ query: { after: given.padEnd(64, "0"), limit: 2 } })
  const [one, other] = entries.map(({ key }) => key).filter((key) => key.startsWith(given))
  if (other !== undefined)
    return yield* notSent("ambiguous", `Several entries begin with \`${given}\`. Give more of the key.`)
  return one ?? given
})

const purge = Command.make(
  "purge",
  {
    key: Argument.String("key").pipe(
      Argument.withDescription("The one entry to remove, by its key or enough of its beginning"),
      Argument.optional,
    ),
    all: switchFlag("all").pipe(Flag.withDescription("Remove every entry")),
    ...adminFlags,
  },
  Effect.fnUntraced(function* ({ key, all, ...flags }) {
    if (Option.isSome(key) === all) {
      return yield* new UsageError({ message: "Say which entry to remove, or --all." })
    }
    yield* Option.match(key, {
      onSome: (given) =>
        asking(
          flags,
          (client) => Effect.flatMap(wholeKey(client, given), (key) => client.adminCache.remove({ params: { key } })),
          removed,
        ),
      onNone: () => asking(flags, (client) => client.adminCache.purge(), removed),
    })
  }),
).pipe(Command.withDescription("Remove one entry, or all"))

/** `aviary cache` */
export const cache = Command.make("cache").pipe(
  Command.withDescription("The cache of a running gateway"),
  Command.withSubcommands([stats, list, purge]),
)
