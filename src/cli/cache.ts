import { Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { adminFlags, asking } from "./AdminCommand.ts"
import { given, switchFlag, wholeFlag } from "./Fields.ts"
import { record, table } from "./Table.ts"
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
        const shown = table(
          ["key", "made", "voice", "type", "characters", "seconds", "bytes"],
          entries.map((entry) => [
            ...[entry.key, time(entry.created), entry.voice, entry.contentType, entry.characters],
            ...[Math.round(entry.durationMs / 100) / 10, entry.length],
          ]),
        )
        return hasMore ? `${shown}\n\nThere are more: --after ${entries.at(-1)?.key}` : shown
      },
    ),
).pipe(Command.withDescription("List entries, by key"))

const purge = Command.make(
  "purge",
  {
    key: Argument.String("key").pipe(Argument.withDescription("The one entry to remove"), Argument.optional),
    all: switchFlag("all").pipe(Flag.withDescription("Remove every entry")),
    ...adminFlags,
  },
  Effect.fnUntraced(function* ({ key, all, ...flags }) {
    if (Option.isSome(key) === all) {
      return yield* new UsageError({ message: "Say which entry to remove, or --all." })
    }
    yield* Option.match(key, {
      onSome: (key) => asking(flags, (client) => client.adminCache.remove({ params: { key } }), removed),
      onNone: () => asking(flags, (client) => client.adminCache.purge(), removed),
    })
  }),
).pipe(Command.withDescription("Remove one entry, or all"))

/** `aviary cache` */
export const cache = Command.make("cache").pipe(
  Command.withDescription("The cache of a running gateway"),
  Command.withSubcommands([stats, list, purge]),
)
