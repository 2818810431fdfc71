import { Effect, Option, Stream } from "effect"
import type { EntryFiles } from "./EntryFiles.ts"

/** `AtomicCache.listAfter`. */
export const makeListAfter = (files: EntryFiles) => (after: string) =>
  Stream.unwrap(Effect.map(files.shards, (shards) => Stream.fromIterable(shards.toSorted()))).pipe(
    Stream.filter((shard) => shard >= after.slice(0, 2)),
    Stream.mapEffect(files.keysIn),
    Stream.flatMap((keys) => Stream.fromIterable(keys.filter((key) => key > after).toSorted())),
    Stream.mapEffect((key) => Effect.option(Effect.scoped(files.open(key)))),
    Stream.filter(Option.isSome),
    Stream.map((entry) => entry.value.metadata),
  )
