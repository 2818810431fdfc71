import { Effect, Stream } from "effect"
import { price, type RateCard } from "../../billing/RateCard.ts"
import type { Serving } from "../../billing/Operations.ts"
import type { Metadata } from "../../cache/EntryFormat.ts"

/** Entries that are counted by voice, at most: each is read from disk. */
const mostCounted = 100_000

/** The `limit` newest or oldest entries, whose listing takes no more memory than they do. */
export const firstByAge = <E>(
  entries: Stream.Stream<Metadata, E>,
  limit: number,
  order: "newest" | "oldest",
): Effect.Effect<ReadonlyArray<Metadata>, E> => {
  const compare = (a: Metadata, b: Metadata) =>
    (order === "newest" ? b.created - a.created : a.created - b.created) || (a.key < b.key ? -1 : 1)
  return Stream.runFold(
    entries,
    (): ReadonlyArray<Metadata> => [],
    (kept, entry) => {
      if (kept.length === limit && compare(kept.at(-1)!, entry) < 0) return kept
      const at = kept.findIndex((one) => compare(entry, one) < 0)
      return kept.toSpliced(at === -1 ? kept.length : at, 0, entry).slice(0, limit)
    },
  )
}

interface VoiceSum {
  readonly voice: string
  entries: number
  bytes: number
  durationMs: number
  characters: number
  oldest: number
  newest: number
}

/** What there is of each voice, the one with most bytes first. */
export const byVoice = <E>(entries: Stream.Stream<Metadata, E>) => {
  const sums = new Map<string, VoiceSum>()
  let counted = 0
  return Stream.runForEach(Stream.take(entries, mostCounted + 1), (entry) =>
    Effect.sync(() => {
      counted += 1
      if (counted > mostCounted) return
      const { characters, created, durationMs, length, voice } = entry
      const sum = sums.get(voice) ?? {
        voice,
        ...{ entries: 0, bytes: 0, durationMs: 0, characters: 0 },
        ...{ oldest: created, newest: created },
      }
      sum.entries += 1
      sum.bytes += length
      sum.durationMs += durationMs
      sum.characters += characters
      sum.oldest = Math.min(sum.oldest, created)
      sum.newest = Math.max(sum.newest, created)
      sums.set(voice, sum)
    }),
  ).pipe(
    Effect.map(() => ({
      complete: counted <= mostCounted,
      voices: Array.from(sums.values()).toSorted((a, b) => b.bytes - a.bytes),
    })),
  )
}

/** What was spoken without an engine, and how much less it cost than as misses, at the prices of `now`. */
export const savingsOf = (servings: ReadonlyArray<Serving>, rates: ReadonlyArray<RateCard>, now: number) => {
  const saved = servings.filter(({ served }) => served === "HIT" || served === "COALESCED")
  const sum = (of: (one: Serving) => number) => saved.reduce((all, one) => all + of(one), 0)
  const card = rates.findLast(({ validFrom }) => validFrom <= now)
  const characters = sum((one) => one.characters)
  const whole = card === undefined ? 0 : price(card, { kind: "speech", model: "", characters }, "MISS")
  return { calls: sum((one) => one.requests), characters, amount: Math.max(0, whole - sum((one) => one.amount)) }
}
