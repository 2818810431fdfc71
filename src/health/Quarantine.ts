import { Clock, Context, DateTime, Effect, Layer } from "effect"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import type { EngineId } from "./EngineId.ts"
import type { SuspectedRecording } from "./EngineReport.ts"
import { HealthError, Quarantined } from "./HealthError.ts"

/**
 * @property at the wedges: each an engine's id and its life
 * @property endsAt in `elapsedMillis`: a clock that runs ahead when a recording strikes must not keep it out for longer
 */
interface Entry extends Omit<SuspectedRecording, "untilMillis" | "strikes"> {
  readonly at: ReadonlyArray<string>
  readonly endsAt: number
}

/** Wedges after which a recording is refused. One may be chance. */
const strikesAllowed = 2
const keptMillis = 24 * 60 * 60 * 1000
const capacity = 1_000

/**
 * Recordings, by content hash, that were in flight at a wedge. After the second they are refused with `Quarantined`,
 * for a day. At most 1,000 are remembered; the oldest go first.
 *
 * - `check`: fails if `content` is refused.
 * - `suspect`: `content` was in flight when the engine began to look wedged. Counts for nothing before the verdict.
 * - `verdict`: whether it was wedged: then each that `suspect` named since the last verdict gets a strike, else none.
 * - `strike`: `content` was in flight at a wedge in the engine's given life. Once per engine and life, however many calls it made.
 * - `list`, `clear`: what an operator sees and forgives; without `content` all. `clear` gives how many it removed.
 */
interface Suspicions {
  readonly check: (content: string) => Effect.Effect<void, HealthError>
  readonly suspect: (engine: EngineId, content: string, life: number) => Effect.Effect<void>
  readonly verdict: (engine: EngineId, isWedged: boolean) => Effect.Effect<void>
  readonly strike: (engine: EngineId, content: string, life: number) => Effect.Effect<void>
  readonly list: Effect.Effect<ReadonlyArray<SuspectedRecording>>
  readonly clear: (content?: string) => Effect.Effect<number>
}

const make = Effect.sync(() => {
  const entries = new Map<string, Entry>()
  const live = (content: string, passed: number): Entry | undefined => {
    const entry = entries.get(content)
    if (entry !== undefined && entry.endsAt <= passed) entries.delete(content)
    return entries.get(content)
  }

  const both = Effect.all({ now: Clock.currentTimeMillis, passed: elapsedMillis })

  const suspects = new Map<EngineId, Map<string, number>>()

  const strike = Effect.fnUntraced(function* (engine: EngineId, content: string, life: number) {
    const { now, passed } = yield* both
    const before = live(content, passed)?.at ?? []
    const wedge = `${engine} ${life}`
    if (before.includes(wedge)) return
    entries.delete(content)
    const at = [...before, wedge]
    entries.set(content, { content, at, lastStrikeAt: now, endsAt: passed + keptMillis })
    if (entries.size > capacity) entries.delete(entries.keys().next().value!)
    if (at.length === strikesAllowed)
      yield* Effect.logWarning(`recording ${content} is quarantined: in flight at ${at.length} wedges`)
  })

  const service: Suspicions = {
    suspect: (engine, content, life) =>
      Effect.sync(() => {
        const named = suspects.get(engine) ?? new Map<string, number>()
        if (named.size < capacity) suspects.set(engine, named.set(content, life))
      }),
    verdict: Effect.fnUntraced(function* (engine, isWedged) {
      const named = Array.from(suspects.get(engine) ?? [])
      suspects.delete(engine)
      if (isWedged) yield* Effect.forEach(named, ([content, life]) => strike(engine, content, life), { discard: true })
    }),
    strike,
    check: Effect.fnUntraced(function* (content) {
      const { now, passed } = yield* both
      const entry = live(content, passed)
      if (entry === undefined || entry.at.length < strikesAllowed) return
      const untilMillis = untilOf(entry, now, passed)
      const message = `This recording was being transcribed at ${entry.at.length} failures of the engine that only a restart mends. It is refused until ${DateTime.formatIso(DateTime.makeUnsafe(untilMillis))}.`
      return yield* new HealthError({ reason: new Quarantined({ content, message, untilMillis }) })
    }),
    list: Effect.map(both, ({ now, passed }) =>
      Array.from(entries.keys(), (content) => live(content, passed)).flatMap((entry) =>
        entry === undefined ? [] : [visible(entry, untilOf(entry, now, passed))],
      ),
    ),
    clear: (content) =>
      Effect.sync(() => {
        const before = entries.size
        if (content === undefined) entries.clear()
        else entries.delete(content)
        return before - entries.size
      }),
  }
  return service
})

/** See `Suspicions`. */
export class Quarantine extends Context.Service<Quarantine, Suspicions>()("aviary/health/Quarantine") {
  static readonly layer = Layer.effect(Quarantine, make)
}

const untilOf = ({ endsAt }: Entry, now: number, passed: number): number => Math.round(now + endsAt - passed)

const visible = ({ at, content, lastStrikeAt }: Entry, untilMillis: number): SuspectedRecording => ({
  content,
  strikes: at.length,
  lastStrikeAt,
  untilMillis,
})
