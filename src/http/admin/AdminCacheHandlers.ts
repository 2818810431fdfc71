import { Clock, Effect, Option, Schema, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { handlersOf } from "../RequestContext.ts"
import { Accounts } from "../../billing/Accounts.ts"
import { Billing } from "../../billing/Billing.ts"
import { AtomicCache } from "../../cache/AtomicCache.ts"
import { CacheKey } from "../../cache/CacheKey.ts"
import { Api } from "../../contract/Api.ts"
import { Errors } from "../../contract/Errors.ts"
import { Settings } from "../../Settings.ts"
import { makeAnswer } from "../ErrorAnswers.ts"
import { inFairTurns } from "../FairTurns.ts"
import { byVoice, firstByAge, savingsOf } from "./CacheSummary.ts"

const usualPage = 100

/** Whose savings are told: 31 days, as far as the ledger is asked for usage by days. */
const savingsMillis = 31 * 86_400_000

interface Listed {
  readonly limit: number
  readonly order: "key" | "newest" | "oldest"
  readonly after?: string
  readonly voice?: string
}

/** `/admin/cache`. */
export const AdminCacheHandlers = handlersOf(
  Api,
  "adminCache",
  Effect.fnUntraced(function* (handlers) {
    const cache = yield* AtomicCache
    const billing = yield* Billing
    const accounts = yield* Accounts
    const { currency } = yield* Settings
    const answer = yield* makeAnswer

    const list = Effect.fn("http.cacheEntries")(function* ({ after, limit, order, voice }: Listed) {
      if (after !== undefined && !Schema.is(CacheKey)(after)) {
        return yield* Errors.invalidValue("after", "expected the key of an entry")
      }
      const from = after === undefined ? cache.list : cache.listAfter(after)
      const wanted = voice === undefined ? from : Stream.filter(from, (entry) => entry.voice === voice)
      const found = yield* order === "key"
        ? Stream.runCollect(Stream.take(wanted, limit + 1))
        : firstByAge(wanted, limit + 1, order)
      return { entries: found.slice(0, limit), hasMore: found.length > limit }
    })

    const hear = Effect.fn("http.cacheAudio")(function* (key: string) {
      const found = Schema.is(CacheKey)(key) ? yield* cache.get(key) : Option.none()
      if (Option.isNone(found)) return yield* Errors.speechNotFound(key)
      const { bytes, metadata } = found.value
      return HttpServerResponse.stream(inFairTurns(bytes()), {
        contentType: metadata.contentType,
        contentLength: metadata.length,
        headers: { "cache-control": "no-store" },
      })
    })

    const voices = Effect.fn("http.cacheVoices")(function* () {
      const { complete, voices } = yield* byVoice(cache.list)
      const since = (yield* Clock.currentTimeMillis) - savingsMillis
      const [servings, rates] = yield* Effect.all([billing.servings(since), accounts.rates])
      return { voices, complete, savings: savingsOf(servings, rates, yield* Clock.currentTimeMillis), currency }
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
      .handle("list", ({ query }) =>
        answer(list({ ...query, limit: query.limit ?? usualPage, order: query.order ?? "key" })),
      )
      .handle("voices", () => answer(voices()))
      .handle("audio", ({ params }) => answer(hear(params.key)))
      .handle("remove", ({ params }) => answer(remove(params.key)))
      .handle("purge", () => answer(purge))
  }),
)
