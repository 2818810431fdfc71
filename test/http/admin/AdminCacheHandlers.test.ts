import { NodeHttpServer } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpApiTest } from "effect/http-api"
import { Accounts } from "../../../src/billing/Accounts.ts"
import { Billing } from "../../../src/billing/Billing.ts"
import * as SqliteLedger from "../../../src/billing/sqlite/SqliteLedger.ts"
import { AtomicCache } from "../../../src/cache/AtomicCache.ts"
import { Api } from "../../../src/contract/Api.ts"
import { AdminAccess } from "../../../src/contract/AdminAccess.ts"
import { KeyAccess, ListingAccess } from "../../../src/contract/KeyAccess.ts"
import { AdminCacheHandlers } from "../../../src/http/admin/AdminCacheHandlers.ts"
import { Settings } from "../../../src/Settings.ts"
import { audio, keyOf, put } from "../../support/cache.ts"
import { startGateway, testRooms } from "../../support/gateway.ts"

const texts = ["one", "two", "three", "four", "five"]
const keys = texts.map(keyOf).toSorted()
const adminToken = "the-operator-s-own"

const started = Effect.gen(function* () {
  const cache = yield* Effect.provide(AtomicCache, yield* Layer.build(AtomicCache.layerMemory))
  yield* Effect.forEach(texts, (text, index) => put(text, audio(index))).pipe(Effect.provideService(AtomicCache, cache))
  const { url } = yield* startGateway({
    rooms: Layer.merge(testRooms, Layer.succeed(AtomicCache, cache)),
    settings: { adminToken },
  })
  return Effect.fnUntraced(function* (method: string, path: string, token = adminToken) {
    const response = yield* Effect.promise(() =>
      fetch(`${url}/admin/cache${path}`, { method, headers: { authorization: `Bearer ${token}` } }),
    )
    return { status: response.status, body: (yield* Effect.promise(() => response.json())) as Record<string, unknown> }
  })
})

/** Whoever asks is let in. */
const openDoors = Layer.mergeAll(
  Layer.succeed(AdminAccess, { admin: (handler) => handler }),
  Layer.succeed(KeyAccess, { key: (handler) => handler }),
  Layer.succeed(ListingAccess, (handler) => handler),
)

const money = Layer.mergeAll(Billing.layer, Accounts.layer).pipe(
  Layer.provide(SqliteLedger.layerMemory),
  Layer.provide(Settings.layerTest()),
)

/** The handlers alone, asked by the client that is derived from the contract: what they answer needs no socket. */
const handlers = Effect.gen(function* () {
  const cache = yield* Effect.provide(AtomicCache, yield* Layer.build(AtomicCache.layerMemory))
  yield* Effect.forEach(texts, (text, index) => put(text, audio(index))).pipe(Effect.provideService(AtomicCache, cache))
  const client = yield* HttpApiTest.groups(Api, ["adminCache"]).pipe(
    Effect.provide(AdminCacheHandlers),
    Effect.provide(Layer.succeed(AtomicCache, cache)),
    Effect.provide(Layer.succeedContext(yield* Layer.build(money))),
    Effect.provide([openDoors, Settings.layerTest(), NodeHttpServer.layerHttpServices]),
  )
  return client.adminCache
})

it.effect("tells what the cache holds", () =>
  Effect.gen(function* () {
    const cache = yield* handlers
    expect(yield* cache.stats()).toMatchObject({ enabled: true, entries: 5, bytes: 5_000 })
  }),
)

it.effect("lists entries by key, a page at a time", () =>
  Effect.gen(function* () {
    const cache = yield* handlers
    const first = yield* cache.list({ query: { limit: 2 } })
    const second = yield* cache.list({ query: { limit: 2, after: first.entries[1]!.key } })
    const third = yield* cache.list({ query: { limit: 2, after: second.entries[1]!.key } })
    const pages = [first, second, third]
    expect(pages.map(({ entries }) => entries.length)).toEqual([2, 2, 1])
    expect(pages.map(({ hasMore }) => hasMore)).toEqual([true, true, false])
    expect(pages.flatMap(({ entries }) => entries.map(({ key }) => key))).toEqual(keys)
    const { entries, hasMore } = yield* cache.list({ query: {} })
    expect(hasMore).toBe(false)
    expect(entries).toHaveLength(5)
    expect(entries[0]).toMatchObject({ key: keys[0], length: 1_000, voice: "v" })
  }),
)

it.live.each(["limit=0", "limit=1001", "limit=1.5", "limit=all", "after=..%2fpasswd"])("refuses %s", (query) =>
  Effect.gen(function* () {
    const ask = yield* started
    const param = query.split("=")[0]
    expect(yield* ask("GET", `/entries?${query}`)).toMatchObject({ status: 400, body: { error: { param } } })
  }),
)

it.live("removes one entry, once, and leaves the others", () =>
  Effect.gen(function* () {
    const ask = yield* started
    expect(yield* ask("DELETE", `/entries/${keys[2]}`)).toEqual({ status: 200, body: { removed: 1 } })
    expect(yield* ask("DELETE", `/entries/${keys[2]}`)).toMatchObject({ status: 404 })
    expect(yield* ask("DELETE", "/entries/..%2f..%2fledger.sqlite")).toMatchObject({
      status: 404,
      body: { error: { code: "speech_not_found" } },
    })
    const { body } = yield* ask("GET", "/entries")
    expect((body["entries"] as Array<{ key: string }>).map((entry) => entry.key)).toEqual(keys.toSpliced(2, 1))
  }),
)

it.effect("removes all of them", () =>
  Effect.gen(function* () {
    const cache = yield* handlers
    expect(yield* cache.purge()).toEqual({ removed: 5 })
    expect(yield* cache.stats()).toMatchObject({ entries: 0 })
  }),
)

it.live("does nothing without the admin token", () =>
  Effect.gen(function* () {
    const ask = yield* started
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/entries"],
      ["DELETE", "/entries"],
      ["DELETE", `/entries/${keys[0]}`],
    ] as const) {
      expect(yield* ask(method, path, "another")).toMatchObject({
        status: 401,
        body: { error: { code: "invalid_admin_token" } },
      })
    }
    expect(yield* ask("GET", "")).toMatchObject({ body: { entries: 5 } })
  }),
)

it.effect("lists entries by age, and those of one voice", () =>
  Effect.gen(function* () {
    const cache = yield* handlers
    const newest = yield* cache.list({ query: { order: "newest", limit: 3 } })
    expect(newest.hasMore).toBe(true)
    expect(newest.entries.map(({ created }) => created)).toEqual(
      newest.entries.map(({ created }) => created).toSorted((a, b) => b - a),
    )
    expect((yield* cache.list({ query: { voice: "v" } })).entries).toHaveLength(5)
    expect((yield* cache.list({ query: { voice: "w", order: "oldest" } })).entries).toEqual([])
  }),
)

it.effect("sums entries by voice, and what they saved", () =>
  Effect.gen(function* () {
    const cache = yield* handlers
    const { complete, savings, voices } = yield* cache.voices()
    expect(complete).toBe(true)
    expect(voices).toMatchObject([{ voice: "v", entries: 5, bytes: 5_000 }])
    expect(savings).toEqual({ calls: 0, characters: 0, amount: 0 })
  }),
)

it.live("an operator hears an entry, whosever it is; there is no other way to what is not there", () =>
  Effect.gen(function* () {
    const ask = yield* started
    const missing = yield* ask("GET", `/entries/${"0".repeat(64)}/audio`)
    expect([missing.status, missing.body]).toMatchObject([404, { error: { code: "speech_not_found" } }])
    const refused = yield* ask("GET", `/entries/${keys[0]}/audio`, "wrong")
    expect(refused.status).toBe(401)
  }),
)
