import { Clock, Effect, Exit, Option, Scope, Stream } from "effect"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import { CacheError } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import { type Entry, entryInMemory } from "./Entry.ts"
import { verify } from "./EntryChecksum.ts"
import type { OpenEntry } from "./EntryFiles.ts"
import type { Removing } from "./Removing.ts"
import { sliceBytes } from "./Slice.ts"
import type { Stock } from "./Stock.ts"
import type { Trouble } from "./Trouble.ts"

/** Reads all of an entry that was not found right before, and small ones into memory. */
const makeCheck = ({ memory, verified }: Stock) =>
  Effect.fnUntraced(function* (key: CacheKey, entry: OpenEntry) {
    const { metadata, identity } = entry
    const mark = `${identity}:${metadata.sha256}`
    const small = memory.takes(metadata.length)
    if (verified.get(key) === mark && !small) return
    const slices: Array<Uint8Array> = []
    yield* verify(entry, (slice) => void (small && slices.push(slice)))
    verified.set(key, mark)
    if (!small) return
    const bytes = slices.length === 1 ? slices[0]! : Buffer.concat(slices)
    memory.put(key, { metadata, bytes, identity, checked: yield* elapsedMillis })
  })

/** An entry that turns out to be cut is `discard`ed, and its reader told. */
const streamOf =
  (key: CacheKey, { file, metadata }: OpenEntry, discard: Removing["discard"]): Entry["bytes"] =>
  (range) =>
    Stream.suspend(() => {
      const end = Math.min(range?.end ?? metadata.length, metadata.length)
      return Stream.unfold(Math.max(0, range?.start ?? 0), (at) =>
        Effect.gen(function* () {
          if (at >= end) return undefined
          const slice = yield* file.read(at, Math.min(sliceBytes, end - at))
          if (slice.length > 0) return [slice, at + slice.length] as const
          const cut = CacheError.broken("cut while it was read")
          yield* discard(key, cut)
          return yield* cut
        }),
      )
    })

/** Gets an entry from its file, which stays open and is not trimmed away as long as the scope. Trouble with the disk is no entry. */
export const makeFromDisk = (
  stock: Stock,
  { evict, discard, unread }: Removing,
  options: { readonly trouble: Trouble; readonly maxAgeMillis: number },
) => {
  const { files, memory, readers } = stock
  const { trouble, maxAgeMillis } = options
  const check = makeCheck(stock)

  /** None if the entry is older than the cache keeps them. */
  const openChecked = Effect.fnUntraced(function* (key: CacheKey) {
    const entry = yield* files.open(key)
    if ((yield* Clock.currentTimeMillis) - entry.metadata.created > maxAgeMillis) {
      yield* evict(key, "age")
      return Option.none<OpenEntry>()
    }
    yield* check(key, entry)
    return Option.some(entry)
  })

  return (key: CacheKey) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const owner = yield* Effect.scope
        const inner = yield* Scope.make()
        yield* Scope.addFinalizer(inner, readers.add(key))
        const opened = yield* restore(Scope.provide(openChecked(key), inner)).pipe(
          Effect.tap(() => trouble.over("read entries")),
          Effect.catch((error) => Effect.as(unread(key, error), Option.none<OpenEntry>())),
          Effect.onExit((exit) =>
            Exit.isSuccess(exit) && Option.isSome(exit.value)
              ? Scope.addFinalizer(owner, Scope.close(inner, Exit.void))
              : Scope.close(inner, Exit.void),
          ),
        )
        return Option.map(opened, (entry): Entry => {
          const hot = memory.get(key)
          return hot === undefined
            ? { metadata: entry.metadata, bytes: streamOf(key, entry, discard) }
            : entryInMemory(hot.metadata, hot.bytes)
        })
      }),
    )
}
