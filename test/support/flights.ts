import { it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, FileSystem, Layer, Queue, Scope, Stream } from "effect"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { type FlightPlan, Flights, KeptBytes, type Listening } from "../../src/cache/Flights.ts"
import { Settings } from "../../src/Settings.ts"
import { bytesOf, cacheAt, description, keyOf, node, temporary } from "./cache.ts"
import { type Faulty, makeFaulty } from "./FaultyFileSystem.ts"

/** An engine that plays what it is handed, and says how often it was called and called off. */
export const makeEngine = Effect.gen(function* () {
  const chunks = yield* Queue.unbounded<Uint8Array, string | Cause.Done>()
  const calls = { started: 0, stopped: 0 }
  const stopped = yield* Deferred.make<void>()
  const plan = (text: string, mode: FlightPlan<string>["mode"] = "use"): FlightPlan<string> => ({
    key: keyOf(text),
    mode,
    produce: Stream.suspend(() => {
      calls.started += 1
      return Stream.fromQueue(chunks)
    }).pipe(
      Stream.onExit((exit) => {
        if (Exit.hasInterrupts(exit)) calls.stopped += 1
        return Deferred.succeed(stopped, undefined)
      }),
    ),
    describe: ({ length }) => (length > 0 ? Effect.succeed(description) : Effect.fail("empty")),
  })
  return { chunks, calls, stopped, plan }
})

/** Everything a listener hears, once it has ended well. */
export const collect = (listening: Listening<string>) => Effect.map(Stream.runCollect(listening.bytes), bytesOf)

/** Joins a flight; there must not be an entry yet. */
export const joinAs = Effect.fnUntraced(function* (plan: FlightPlan<string>) {
  const flights = yield* Flights
  const joined = yield* flights.join(plan)
  if (joined._tag === "Found") return yield* Effect.die("found instead of flown")
  return joined
})

/** Lets the real disk have its turn. */
export const turn = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
export const eventually = (ready: () => boolean) => Effect.repeat(turn, { until: ready, times: 5_000 })

/** The cache, once it has read its directory and shows that it may write there; and what it counted. */
export const scanned = Effect.gen(function* () {
  const cache = yield* AtomicCache
  const stats = yield* cache.stats.pipe(Effect.tap(turn), Effect.repeat({ until: ({ scanned }) => scanned }))
  return { cache, stats }
})

/** A cache directory, and the disk that it is on. */
export interface World {
  readonly directory: string
  readonly disk: Faulty
}

/** A test with a gateway's cache room of its own, over real files. */
export const live = (
  title: string,
  test: (world: World) => Effect.Effect<void, unknown, AtomicCache | Flights | FileSystem.FileSystem | Scope.Scope>,
  settings: Parameters<typeof Settings.layerTest>[0] = {},
  // The small ones of tests are to go to the file as they are made.
  keptBytes = 0,
) =>
  it.live(title, () =>
    Effect.gen(function* () {
      const directory = yield* temporary
      const disk = yield* makeFaulty
      const layer = Layer.fresh(
        Flights.layer.pipe(
          Layer.provide(Layer.succeed(KeptBytes, keptBytes)),
          Layer.provideMerge(cacheAt(directory, { cacheMemoryBytes: "0", ...settings })),
          Layer.provide(Settings.layerTest(settings)),
          Layer.provide(Layer.succeed(FileSystem.FileSystem, disk.fs)),
        ),
      )
      return yield* Effect.provide(test({ directory, disk }), layer)
    }).pipe(Effect.provide(node)),
  )
