import { Effect } from "effect"
import type { CacheKey } from "./CacheKey.ts"
import type { Limits } from "./Limits.ts"
import type { Reserve } from "./Reserve.ts"
import type { Stock } from "./Stock.ts"

/** `AtomicCache.write`: where there is room, and with what it commits counted. */
export const makeWrite = (
  { files, memory, recency, verified, gauge }: Stock,
  { trim, whenFull }: Limits,
  options: { readonly reserve: Reserve; readonly maxBytes: number },
) => {
  const { reserve, maxBytes } = options
  return Effect.fnUntraced(function* (key: CacheKey) {
    if ((yield* reserve.lacking()) > 0) {
      yield* trim()
      if ((yield* reserve.lacking()) > 0) return yield* reserve.refusal
    }
    const writer = yield* whenFull(files.write(key))
    return {
      append: (bytes: Uint8Array) => whenFull(writer.append(bytes)),
      read: writer.read,
      commit: Effect.fnUntraced(function* (...args: Parameters<typeof writer.commit>) {
        const { metadata, identity, size } = yield* whenFull(writer.commit(...args))
        memory.forget(key)
        if (identity === undefined) verified.delete(key)
        else verified.set(key, `${identity}:${metadata.sha256}`)
        recency.put(key, { size, created: metadata.created, used: metadata.created })
        if (recency.bytes > maxBytes) yield* trim()
        else yield* gauge
        return metadata
      }),
    }
  })
}
