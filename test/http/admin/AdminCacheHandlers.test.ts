import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AtomicCache } from "../../../src/cache/AtomicCache.ts"
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

it.live("tells what the cache holds", () =>
  Effect.gen(function* () {
    const ask = yield* started
    expect(yield* ask("GET", "")).toMatchObject({ status: 200, body: { enabled: true, entries: 5, bytes: 5_000 } })
  }),
)

it.live("lists entries by key, a page at a time", () =>
  Effect.gen(function* () {
    const ask = yield* started
    const seen: Array<unknown> = []
    const sizes: Array<number> = []
    for (let after = "", more = true; more;) {
      const { body } = yield* ask("GET", `/entries?limit=2${after}`)
      const entries = body["entries"] as Array<{ key: string }>
      sizes.push(entries.length)
      seen.push(...entries.map((entry) => entry.key))
      after = `&after=${entries.at(-1)!.key}`
      more = body["hasMore"] as boolean
    }
    expect(seen).toEqual(keys)
    expect(sizes).toEqual([2, 2, 1])
    const { body } = yield* ask("GET", "/entries")
    expect(body).toMatchObject({
      hasMore: false,
      entries: [{ key: keys[0], length: 1_000, voice: "v" }, {}, {}, {}, {}],
    })
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

it.live("removes all of them", () =>
  Effect.gen(function* () {
    const ask = yield* started
    expect(yield* ask("DELETE", "/entries")).toEqual({ status: 200, body: { removed: 5 } })
    expect(yield* ask("GET", "")).toMatchObject({ body: { entries: 0 } })
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
