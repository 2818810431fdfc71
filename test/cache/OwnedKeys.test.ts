import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Redacted } from "effect"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { CacheKey } from "../../src/cache/CacheKey.ts"
import { OwnedKeys } from "../../src/cache/OwnedKeys.ts"
import { Settings } from "../../src/Settings.ts"
import { keyOf } from "../support/cache.ts"

const key = keyOf("a text that can be guessed")
const apart = OwnedKeys.layerApart(Redacted.make("a secret"))

it.effect("a key is made of the account, the speech and the secret, and is its account's alone", () =>
  Effect.gen(function* () {
    const { of, owns } = yield* OwnedKeys
    const mine = of("a", key)
    expect(CacheKey.make(mine)).toBe(of("a", key))
    const others = [
      of("b", key),
      of("a", keyOf("another text")),
      (yield* Effect.provide(OwnedKeys, OwnedKeys.layerApart(Redacted.make("another")))).of("a", key),
      key,
    ]
    expect(new Set([mine, ...others]).size).toBe(5)
    expect(owns("a", mine)).toBe(true)
    expect(owns("b", mine)).toBe(false)
    expect(owns("a", key)).toBe(false)
    expect([others[0]!, others[2]!, others[3]!].map((one) => owns("a", one))).toEqual([false, false, false])
    // No half of one's own key makes another's one's own.
    expect(owns("a", CacheKey.make(others[0]!.slice(0, 32) + mine.slice(32)))).toBe(false)
  }).pipe(Effect.provide(apart)),
)

const inDirectory = (dataDir: string) =>
  Effect.provide(
    OwnedKeys,
    Layer.fresh(OwnedKeys.layer).pipe(Layer.provide(Settings.layerTest({ dataDir, cacheShared: "account" }))),
  )

it.live("gateways that start at once on one data directory agree on the secret, and a broken one stops the start", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = `${yield* fs.makeTempDirectoryScoped()}/data`
    const all = yield* Effect.all(
      Array.from({ length: 8 }, () => inDirectory(directory)),
      { concurrency: "unbounded" },
    )
    expect(new Set(all.map(({ of }) => of("a", key))).size).toBe(1)
    expect(yield* fs.readDirectory(directory)).toEqual(["cache-secret"])
    yield* fs.writeFileString(`${directory}/cache-secret`, "\n")
    const { message } = yield* Effect.flip(inDirectory(directory))
    expect(message).toBe(
      `${directory}/cache-secret holds no secret: remove it, and the next start makes another. What the cache has is then made again.`,
    )
  }).pipe(Effect.provide(NodeServices.layer)),
)
