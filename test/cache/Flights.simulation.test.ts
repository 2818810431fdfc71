/**
 * Why: the promises about flights are about what happens in between, and no list of cases is long enough. Each seed is a
 * small history of arrivals, departures, engine faults and disk faults on a virtual clock, ended by a loss of power:
 *
 * - a response that ends cleanly is the whole audio, and so is every entry found (CleanEndMeansComplete, NoPartialHit)
 * - no two engine calls for one key that anybody still waits for (OneSynthesis)
 * - a second after the last listener has left, no engine call and no descriptor is left (AbandonedFreesEngine)
 * - trouble with writing to the disk never fails a listener
 *
 * To see one history again: SEED=<n> and this file.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, FileSystem, Layer, Option, Path, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type FlightPlan, Flights, KeptBytes } from "../../src/cache/Flights.ts"
import { Settings } from "../../src/Settings.ts"
import { audio, cacheAt, description, keyOf, read } from "../support/cache.ts"
import { type Fault, makeFaulty } from "../support/FaultyFileSystem.ts"
import { makeMemoryFileSystem } from "../support/MemoryFileSystem.ts"
import { makeDice } from "../support/dice.ts"

const seeds =
  process.env.SEED === undefined ? Array.from({ length: 2_000 }, (_, i) => i + 1) : [Number(process.env.SEED)]

type EngineFault = "none" | "before" | "midway" | "short" | "hang"

interface Call {
  readonly text: string
  readonly mode: FlightPlan<string>["mode"]
  ended: boolean
}

const writing = new Set(["open", "makeDirectory", "writeFile", "write", "sync", "rename", "remove", "utimes"])

/** `toEqual` takes a millisecond for what this does in a microsecond. */
const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** Runs `effect` to its end, moving the clock as long as it takes. */
const drive = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const fiber = yield* Effect.forkChild(effect)
  for (let i = 0; i < 300 && fiber.pollUnsafe() === undefined; i++) yield* TestClock.adjust("1 second")
  expect(fiber.pollUnsafe(), "it never ended").toBeDefined()
  return yield* Fiber.join(fiber)
})

const simulate = Effect.fnUntraced(function* (seed: number) {
  const dice = makeDice(seed)
  const memory = makeMemoryFileSystem(
    Effect.suspend(() => (dice.chance(0.7) ? Effect.void : Effect.sleep(`${dice.below(20)} millis`))),
  )
  const faulty = yield* makeFaulty.pipe(Effect.provideService(FileSystem.FileSystem, memory.fs))
  const diskFaults = dice.chance(0.5) ? dice.below(20) / 100 : 0
  const stalls = dice.chance(0.1)

  const build = (fs: FileSystem.FileSystem, scope: Scope.Scope) =>
    Layer.buildWithScope(
      Flights.layer.pipe(
        Layer.provide(Layer.succeed(KeptBytes, 0)),
        Layer.provideMerge(cacheAt("/cache", { cacheMemoryBytes: dice.chance(0.5) ? "0" : "1 MiB" })),
        Layer.provide(Settings.layerTest()),
        Layer.provide(Layer.succeed(FileSystem.FileSystem, fs)),
        Layer.provide(Path.layer),
      ),
      scope,
    )

  const scope = yield* Scope.make()
  const context = yield* drive(build(faulty.fs, scope))
  const flights = yield* Effect.provide(Flights, context)
  faulty.plan((_, call): Fault | undefined => {
    if (!writing.has(call) || !dice.chance(diskFaults)) return undefined
    return stalls && dice.chance(0.1) ? "delay" : dice.pick(["ENOSPC", "EIO", "torn", "EROFS", "ENOENT"])
  })

  const texts = ["a", "b"].slice(0, 1 + dice.below(2))
  const wholes = new Map(
    texts.map((text, index) => {
      const size = dice.chance(0.03) ? 400_000 : 1 + dice.below(5_000)
      return [text, audio(seed + index, size)] as const
    }),
  )
  const calls: Array<Call> = []
  const faults: ReadonlyArray<EngineFault> = dice.chance(0.4) ? ["none", "before", "midway", "short", "hang"] : ["none"]
  let disturbed = faults.length > 1

  const twins: Array<Call> = []
  /** Two calls for one key may touch, while the older is being called off, but not go on together. */
  const alone = (older: ReadonlyArray<Call>) =>
    older.length === 0
      ? Effect.void
      : Effect.forkDetach(
          Effect.delay(
            Effect.sync(() => void twins.push(...older.filter((call) => !call.ended))),
            "20 millis",
          ),
        )

  const planOf = (text: string, mode: FlightPlan<string>["mode"]): FlightPlan<string> => {
    const whole = wholes.get(text)!
    const fault = dice.pick(faults)
    const pieces = 1 + dice.below(5)
    const pace = dice.below(300)
    const upTo = fault === "short" || fault === "midway" ? whole.length >> 1 : whole.length
    const step = Math.ceil(whole.length / pieces)
    const chunks = Array.from({ length: pieces }, (_, i) => whole.slice(i * step, Math.min(upTo, (i + 1) * step)))
    return {
      key: keyOf(text),
      mode,
      produce: Stream.suspend(() => {
        const call: Call = { text, mode, ended: false }
        const older = calls.filter((other) => !other.ended && other.text === text && other.mode !== "bypass")
        calls.push(call)
        const end: Stream.Stream<Uint8Array, string> =
          fault === "midway" ? Stream.fail("cut") : fault === "hang" ? Stream.never : Stream.empty
        const body =
          fault === "before"
            ? Stream.fromEffect(Effect.andThen(Effect.sleep(`${pace} millis`), Effect.fail("refused")))
            : Stream.fromIterable(chunks).pipe(Stream.tap(() => Effect.sleep(`${pace} millis`)))
        return Stream.concat(Stream.fromEffectDrain(mode === "bypass" ? Effect.void : alone(older)), body).pipe(
          Stream.concat(end),
          Stream.ensuring(Effect.sync(() => void (call.ended = true))),
        )
      }),
      describe: ({ length }) => (length === whole.length ? Effect.succeed(description) : Effect.fail("incomplete")),
    }
  }

  const listen = Effect.fnUntraced(function* (text: string) {
    const mode = dice.chance(0.8) ? "use" : dice.pick(["refresh", "bypass"] as const)
    if (mode !== "use") disturbed = true
    const pace = dice.chance(0.5) ? 0 : dice.below(400)
    const joined = yield* flights.join(planOf(text, mode))
    const bytes = joined._tag === "Found" ? joined.entry.bytes() : joined.bytes
    const heard = yield* Stream.runCollect(
      Stream.tap(bytes, () => (pace === 0 ? Effect.void : Effect.sleep(`${pace} millis`))),
    )
    return new Uint8Array(Buffer.concat(heard))
  }, Effect.scoped)

  const client = Effect.fnUntraced(function* () {
    const text = dice.pick(texts)
    const arrives = dice.below(1_500)
    const leaves = dice.chance(0.3) ? dice.below(1_500) : 6_000
    yield* Effect.sleep(`${arrives} millis`)
    const exit = yield* Effect.exit(Effect.timeoutOption(listen(text), `${leaves} millis`))
    if (Exit.isSuccess(exit)) {
      if (Option.isSome(exit.value))
        expect(same(exit.value.value, wholes.get(text)!), "a clean end that is not the whole").toBe(true)
      else disturbed = true
      return
    }
    expect(Cause.hasFails(exit.cause) && !Cause.hasDies(exit.cause), Cause.pretty(exit.cause)).toBe(true)
    // An engine without faults and a disk that reads are all it takes.
    expect(faults, Cause.pretty(exit.cause)).not.toEqual(["none"])
  })

  yield* drive(
    Effect.all(
      Array.from({ length: 1 + dice.below(8) }, () => client()),
      { concurrency: "unbounded", discard: true },
    ),
  )
  expect(twins).toEqual([])
  yield* TestClock.adjust("1 second")
  expect(calls.filter((call) => !call.ended)).toEqual([])
  if (!disturbed && diskFaults === 0) expect(calls.length).toBeLessThanOrEqual(texts.length)

  // Calls that hang have been given up by now, and come back late.
  if (stalls) yield* TestClock.adjust("2 minutes")
  faulty.plan(() => undefined)
  yield* faulty.release
  yield* TestClock.adjust("1 second")
  // Of the names that are made to last, a folder may be open still.
  yield* Effect.repeat(TestClock.adjust("20 millis"), { until: () => memory.opened() === 0, times: 100 })
  expect(memory.opened()).toBe(0)

  // Either the process ends as it should, or the power goes while a last flight is under way.
  const orderly = dice.chance(0.5)
  if (orderly) {
    yield* drive(Scope.close(scope, Exit.void))
    expect(memory.names().filter((name) => name.includes("/tmp/"))).toEqual([])
  } else {
    const last = yield* Effect.forkChild(Effect.exit(listen(texts[0]!)))
    yield* TestClock.adjust(`${dice.below(2_000)} millis`)
    yield* drive(faulty.bury)
    // What is left of the dead process does nothing any more, except to burden the clock.
    yield* Effect.forkDetach(Effect.andThen(Fiber.interrupt(last), Scope.close(scope, Exit.void)))
  }
  memory.losePower(() => dice.chance(0.5))
  const next = yield* Scope.make()
  const after = yield* drive(build(memory.fs, next))
  const entries = yield* drive(
    Effect.provide(
      Effect.forEach(texts, (text) => read(text)),
      after,
    ),
  )
  for (const [index, bytes] of entries.entries()) {
    if (bytes !== undefined)
      expect(same(bytes, wholes.get(texts[index]!)!), "an entry that is not the whole").toBe(true)
  }
  if (!orderly) yield* TestClock.adjust("5 minutes")
  // One that is open shows whose its folder is.
  expect(memory.names().filter((name) => name.includes("/tmp/"))).toEqual([
    expect.stringMatching(/^\/cache\/tmp\/[0-9a-f]{16}\/owner\.json$/),
  ])
  yield* drive(Scope.close(next, Exit.void))
})

describe("flights, simulated", () => {
  it.effect(
    `keeps its promises over ${seeds.length} histories`,
    () =>
      Effect.forEach(
        seeds,
        (seed) =>
          Effect.scoped(simulate(seed)).pipe(Effect.onError(() => Effect.logError(`It broke with SEED=${seed}`))),
        { discard: true },
      ),
    240_000,
  )
})
