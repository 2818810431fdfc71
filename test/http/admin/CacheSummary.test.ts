import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import type { RateCard } from "../../../src/billing/RateCard.ts"
import type { Metadata } from "../../../src/cache/EntryFormat.ts"
import { byVoice, firstByAge, savingsOf } from "../../../src/http/admin/CacheSummary.ts"

const entry = (key: string, created: number, voice = "a"): Metadata => ({
  ...{ key: key as Metadata["key"], keyVersion: 1, sha256: "", contentType: "audio/mpeg" },
  ...{ created, voice, length: 10, durationMs: 100, characters: 5 },
})

const entries = [
  entry("k1", 5),
  entry("k2", 3, "b"),
  entry("k3", 9),
  entry("k4", 5),
  entry("k5", 1, "b"),
  entry("k6", 7),
]

it.effect("of entries in any order the newest or oldest are found, and the key decides between equals", () =>
  Effect.gen(function* () {
    const stream = Stream.fromIterable(entries)
    const keys = (found: ReadonlyArray<Metadata>) => found.map(({ key }) => key)
    expect(keys(yield* firstByAge(stream, 4, "newest"))).toEqual(["k3", "k6", "k1", "k4"])
    expect(keys(yield* firstByAge(stream, 3, "oldest"))).toEqual(["k5", "k2", "k1"])
    expect(keys(yield* firstByAge(stream, 10, "oldest"))).toEqual(["k5", "k2", "k1", "k4", "k6", "k3"])
  }),
)

it.effect("each voice has its sums and its ages", () =>
  Effect.gen(function* () {
    const { voices } = yield* byVoice(Stream.fromIterable(entries))
    expect(voices).toEqual([
      { voice: "a", entries: 4, bytes: 40, durationMs: 400, characters: 20, oldest: 5, newest: 9 },
      { voice: "b", entries: 2, bytes: 20, durationMs: 200, characters: 10, oldest: 1, newest: 3 },
    ])
  }),
)

it("what hits and followers saved is the price of a miss less what they paid", () => {
  const card = (version: number, validFrom: number, speechPerMillionCharacters: number) =>
    ({
      version,
      validFrom,
      speechPerMillionCharacters,
      transcriptionPerMinute: 0,
      hitShare: 5_000,
      coalescedShare: 0,
    }) as RateCard
  const servings = [
    { served: "MISS" as const, requests: 4, characters: 400, amount: 4_000 },
    { served: "HIT" as const, requests: 3, characters: 300, amount: 1_500 },
    { served: "COALESCED" as const, requests: 1, characters: 100, amount: 0 },
    { served: null, requests: 1, characters: 7, amount: 0 },
  ]
  const rates = [card(1, 0, 10_000_000), card(2, 2_000, 99_000_000)]
  expect(savingsOf(servings, rates, 1_000)).toEqual({ calls: 4, characters: 400, amount: 2_500 })
  expect(savingsOf([], [], 1_000)).toEqual({ calls: 0, characters: 0, amount: 0 })
})
