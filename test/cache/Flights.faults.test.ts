/**
 * Why: an entry is half a file unless every step of a write may fail, tarry or be the last thing the process does.
 * So each file-system call of a flight is broken in each way, for a flight that succeeds, one whose listener leaves and one
 * that replaces an older entry; then a fresh gateway opens the same directory.
 */
import { readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, FileSystem, Latch, Layer, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Flights, KeptBytes } from "../../src/cache/Flights.ts"
import { Settings } from "../../src/Settings.ts"
import { audio, cacheAt, description, keyOf, node, put, read, temporary } from "../support/cache.ts"
import { type Fault, makeFaulty } from "../support/FaultyFileSystem.ts"
import { eventually, scanned, turn } from "../support/flights.ts"

const faults: ReadonlyArray<Fault> = ["ENOSPC", "EIO", "torn", "delay", "kill", "killAfter"]
const scenes = ["success", "abort", "replace"] as const

const old = audio(9, 5_000)
const chunks = [audio(1, 70_000), audio(2, 70_000), audio(3, 10)]
const whole = new Uint8Array(Buffer.concat(chunks))
/** The entry begins otherwise than the stream did. */
const head = new Uint8Array(44).fill(7)
const kept = new Uint8Array(Buffer.concat([head, whole.subarray(44)]))

/** Lets what waits for the real disk happen, without moving the test's clock. */

const descriptors = () => readdirSync("/proc/self/fd").length

const tempFiles = (directory: string) => {
  try {
    return readdirSync(join(directory, "tmp"), { recursive: true }).map(String)
  } catch {
    return []
  }
}

/** Those that are nobody's: a cache that is open has one folder, with nothing in it but whose it is. */
const strays = (directory: string) => {
  const names = tempFiles(directory)
  const living = names.find((name) => names.includes(`${name}/owner.json`))
  return names.filter((name) => name !== living && name !== `${living}/owner.json`)
}

/** As if the process that owned the temporary folders were gone; here it is this one, which lives on. */
const bereave = (directory: string) => {
  for (const name of tempFiles(directory)) {
    if (name.includes("/") || name.endsWith(".json")) continue
    const folder = join(directory, "tmp", name)
    const file = join(folder, "owner.json")
    let owner: object | undefined
    try {
      owner = JSON.parse(readFileSync(file, "utf8")) as object
    } catch {
      utimesSync(folder, 1, 1)
    }
    if (owner !== undefined) writeFileSync(file, JSON.stringify({ ...owner, started: "1" }))
  }
}

interface Run {
  readonly scene: (typeof scenes)[number]
  readonly fault: Fault
  readonly at: number
  /** Up to which the entry is written all at once. */
  readonly keptBytes: number
}

/** Whether the fault was met, and what the listener got. */
const fly = Effect.fnUntraced(function* (directory: string, { scene, fault, at, keptBytes }: Run) {
  const faulty = yield* makeFaulty
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(
    Flights.layer.pipe(
      Layer.provide(Layer.succeed(KeptBytes, keptBytes)),
      Layer.provideMerge(cacheAt(directory, { cacheMemoryBytes: "0" })),
      Layer.provide(Settings.layerTest()),
      Layer.provide(Layer.succeed(FileSystem.FileSystem, faulty.fs)),
      Layer.provide(node),
    ),
    scope,
  )
  const flights = yield* Effect.provide(Flights, context)
  yield* Effect.provide(scanned, context)
  faulty.plan((n) => (n === at ? fault : undefined))
  const gate = yield* Latch.make(scene !== "abort")
  const gone = yield* Deferred.make<void>()
  const victim = Effect.scoped(
    Effect.gen(function* () {
      const joined = yield* flights.join<never>({
        key: keyOf("a"),
        mode: scene === "replace" ? "refresh" : "use",
        produce: Stream.fromIterable(chunks).pipe(
          Stream.mapEffect((chunk, index) => (index === 2 ? Effect.as(gate.await, chunk) : Effect.as(turn, chunk))),
          Stream.onExit(() => Deferred.succeed(gone, undefined)),
        ),
        describe: () => Effect.succeed(description),
        head: () => head,
      })
      if (joined._tag === "Found") return yield* Effect.die("found")
      if (scene !== "abort") return new Uint8Array(Buffer.concat(yield* Stream.runCollect(joined.bytes)))
      yield* Stream.runDrain(Stream.take(joined.bytes, 2))
      // Time for the disk to follow.
      for (let i = 0; i < 5; i++) yield* turn
    }),
  )
  const listening = yield* Effect.forkDetach(victim)
  const killing = fault === "kill" || fault === "killAfter"
  const met = () => faulty.calls.length > at
  const settled = () => listening.pollUnsafe() !== undefined
  if (fault === "delay") {
    yield* eventually(() => settled() || met())
    for (let i = 0; i < 5; i++) yield* turn
    yield* faulty.release
  }
  yield* eventually(() => settled() || (killing && met()))
  const died = killing && met()
  if (died) yield* Deferred.await(faulty.killed)
  const heard = died ? undefined : yield* Fiber.join(listening)
  // A killed process closes nothing itself; any other one does all that it would at its end.
  if (died) {
    yield* faulty.bury
  } else {
    if (scene === "abort") yield* Deferred.await(gone)
    const closing = yield* Effect.forkDetach(Scope.close(scope, Exit.void))
    yield* Effect.repeat(Effect.andThen(turn, faulty.release), {
      until: () => closing.pollUnsafe() !== undefined || (killing && met()),
    })
    if (killing && met()) yield* Effect.andThen(Deferred.await(faulty.killed), faulty.bury)
  }
  return { met: met(), heard, calls: [...faulty.calls] }
})

const afterwards = Effect.fnUntraced(function* (directory: string) {
  bereave(directory)
  return yield* Effect.provide(
    Effect.gen(function* () {
      const bytes = yield* read("a")
      yield* scanned
      return { bytes, temps: strays(directory) }
    }),
    cacheAt(directory).pipe(Layer.provide(node)),
    { local: true },
  )
})

describe("every file-system call of a flight, broken in every way", () => {
  for (const [scene, how, keptBytes] of [
    ...scenes.map((scene) => [scene, "as it is made", 0] as const),
    ...(["success", "replace"] as const).map((scene) => [scene, "at once", 1_000_000] as const),
  ]) {
    for (const fault of faults) {
      it.effect(`${scene}, written ${how}, ${fault}: no partial entry, no temporary file, no descriptor stays`, () =>
        Effect.gen(function* () {
          yield* TestClock.setTime(Date.now())
          yield* turn
          let at = 0
          for (let met = true; met; at++) {
            const run = { scene, fault, at, keptBytes }
            const directory = yield* temporary
            if (scene === "replace") {
              yield* Effect.provide(put("a", old), cacheAt(directory).pipe(Layer.provide(node)), { local: true })
            }
            const before = descriptors()
            const flight = yield* fly(directory, run).pipe(Effect.provide(node))
            met = flight.met
            const call = `${fault} at call ${at}: ${flight.calls[at]}`
            if (flight.heard !== undefined && scene !== "abort") expect(flight.heard, call).toEqual(whole)
            const { bytes, temps } = yield* afterwards(directory)
            if (scene === "abort") expect(bytes, call).toBeUndefined()
            else if (bytes !== undefined) {
              expect([kept, ...(scene === "replace" ? [old] : [])], call).toContainEqual(bytes)
            } else if (scene === "replace") expect.fail(`${call}: the older entry is lost`)
            if (!met && scene !== "abort") expect(bytes).toEqual(kept)
            expect(temps, call).toEqual([])
            yield* eventually(() => descriptors() <= before)
            expect(descriptors(), call).toBeLessThanOrEqual(before)
          }
          expect(at).toBeGreaterThan(scene === "abort" || keptBytes > 0 ? 4 : 8)
        }).pipe(Effect.scoped),
      )
    }
  }
})
