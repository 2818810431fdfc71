import { Effect } from "effect"
import type { CacheKey } from "./CacheKey.ts"
import type { Committed } from "./EntryFiles.ts"
import type { Limits } from "./Limits.ts"
import type { Reserve } from "./Reserve.ts"
import type { Stock } from "./Stock.ts"

/** `AtomicCache.write` and `put`: where there is room, and with what they commit counted. */
export const makeWriting = (
  { files, gauge, memory, recency, verified }: Stock,
  { trim, whenFull }: Limits,
  options: { readonly reserve: Reserve; readonly maxBytes: number },
) => {
  const { reserve, maxBytes } = options

  const makeRoom = Effect.fnUntraced(function* () {
    if ((yield* reserve.lacking()) <= 0) return
    yield* trim()
    if ((yield* reserve.lacking()) > 0) return yield* reserve.refusal
  })

  const count = Effect.fnUntraced(function* (key: CacheKey, { identity, metadata, size }: Committed) {
    memory.forget(key)
    if (identity === undefined) verified.delete(key)
    else verified.set(key, `${identity}:${metadata.sha256}`)
    recency.put(key, { size, created: metadata.created, used: metadata.created })
    if (recency.bytes > maxBytes) yield* trim()
    else yield* gauge
    return metadata
  })

  return {
    put: Effect.fnUntraced(function* (...[key, pieces, description, head]: Parameters<typeof files.put>) {
      yield* makeRoom()
      return yield* count(key, yield* whenFull(files.put(key, pieces, description, head)))
    }),
    write: Effect.fnUntraced(function* (key: CacheKey) {
      yield* makeRoom()
      const writer = yield* whenFull(files.write(key))
      return {
        append: (bytes: Uint8Array) => whenFull(writer.append(bytes)),
        read: writer.read,
        commit: (...args: Parameters<typeof writer.commit>) =>
          Effect.flatMap(whenFull(writer.commit(...args)), (committed) => count(key, committed)),
      }
    }),
  }
}
