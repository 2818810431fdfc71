import { Effect, Schema, Stream } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { AtomicCache } from "../../cache/AtomicCache.ts"
import { CacheKey } from "../../cache/CacheKey.ts"
import { Api } from "../../contract/Api.ts"
import { Errors } from "../../contract/Errors.ts"
import { makeAnswer } from "../Answer.ts"

const usualPage = 100

/** `/admin/cache`. */
export const AdminCacheHandlers = HttpApiBuilder.group(
  Api,
  "adminCache",
  Effect.fnUntraced(function* (handlers) {
    const cache = yield* AtomicCache
    const answer = yield* makeAnswer

    const list = Effect.fn("http.cacheEntries")(function* (limit: number, after: string | undefined) {
      if (after !== undefined && !Schema.is(CacheKey)(after)) {
        return yield* Errors.invalidValue("after", "expected the key of an entry")
      }
      const from = after === undefined ? cache.list : cache.listAfter(after)
      const found = yield* Stream.runCollect(Stream.take(from, limit + 1))
      return { entries: found.slice(0, limit), hasMore: found.length > limit }
    })

    const remove = Effect.fn("http.removeEntry")(function* (key: string) {
      const existed = Schema.is(CacheKey)(key) && (yield* cache.remove(key))
      if (!existed) return yield* Errors.speechNotFound(key)
      yield* Effect.logInfo(`The cache entry ${key} was removed by an operator`)
      return { removed: 1 }
    })

    const purge = Effect.gen(function* () {
      const removed = yield* cache.purge
      yield* Effect.logInfo(`The cache was purged of ${removed} entries by an operator`)
      return { removed }
    })

    return handlers
      .handle("stats", () => cache.stats)
      .handle("list", ({ query }) => answer(list(query.limit ?? usualPage, query.after)))
      .handle("remove", ({ params }) => answer(remove(params.key)))
      .handle("purge", () => answer(purge))
  }),
)
