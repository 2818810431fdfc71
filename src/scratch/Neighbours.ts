import { Context, Effect, Layer, Metric, Path, Schedule } from "effect"
import { Settings } from "../Settings.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { makeScratchFolder } from "./ScratchFolder.ts"

/** As often as gateways show that they live. */
const interval = "30 seconds"

const make = Effect.gen(function* () {
  const { dataDir } = yield* Settings
  const folder = yield* makeScratchFolder((yield* Path.Path).join(dataDir, "gateways"))
  const beats = new Map<string, number>()
  const living = new Set<string>()
  let known = 0

  const count = Effect.gen(function* () {
    const others = yield* folder.others
    for (const { name, life, beat } of others) {
      const moved = beats.has(name) && beats.get(name) !== beat
      beats.set(name, beat)
      if (life === "alive" || (life === "unseen" && moved)) living.add(name)
      if (life === "gone") living.delete(name)
    }
    const names = new Set(others.map(({ name }) => name))
    for (const seen of [beats, living]) for (const name of seen.keys()) if (!names.has(name)) seen.delete(name)
    return living.size
  }).pipe(Effect.orElseSucceed(() => known))

  const look = Effect.tap(count, (now) => {
    const before = known
    known = now
    return Effect.andThen(
      Metric.update(Metrics.gateways, 1 + now),
      now === before
        ? Effect.void
        : now === 0
          ? Effect.logInfo("No other gateway works on this ledger any more")
          : said(now, dataDir),
    )
  })

  yield* Effect.ignore(folder.check)
  yield* look
  yield* Effect.forkScoped(Effect.schedule(look, Schedule.spaced(interval)))
  const alone = folder.others.pipe(
    Effect.map((others) => others.every(({ life }) => life === "gone")),
    Effect.orElseSucceed(() => false),
  )
  return Neighbours.of({ alone, count: look })
})

/**
 * Other gateways on the same data directory, and so on the same ledger. That is allowed, but each counts a key's limits by
 * itself, so the log says that they are there.
 *
 * - `alone`: whether there certainly is none. One that cannot be seen from here may be there.
 * - `count`: how many there are now. One that cannot be seen from here, in another container, counts once it was seen to live.
 */
export class Neighbours extends Context.Service<
  Neighbours,
  { readonly alone: Effect.Effect<boolean>; readonly count: Effect.Effect<number> }
>()("aviary/scratch/Neighbours") {
  static readonly layer = Layer.effect(Neighbours, make)

  static readonly layerNone = Layer.succeed(Neighbours, { alone: Effect.succeed(true), count: Effect.succeed(0) })
}

const said = (others: number, dataDir: string) =>
  Effect.annotateLogs(
    Effect.logWarning(
      `${others === 1 ? "Another gateway works" : `${others} other gateways work`} on this ledger. A key's limits a minute count in each of them by itself.`,
    ),
    { data: dataDir, others },
  )
