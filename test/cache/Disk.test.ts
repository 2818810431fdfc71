import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FileSystem, Scope } from "effect"
import { TestClock } from "effect/testing"
import { type Disk, makeDisk } from "../../src/cache/Disk.ts"
import { SystemCalls } from "../../src/cache/NewFile.ts"
import { audio } from "../support/cache.ts"
import { callsOf } from "../support/newFileCalls.ts"
import { type Faulty, makeFaulty } from "../support/FaultyFileSystem.ts"
import { makeMemoryFileSystem, type MemoryFileSystem } from "../support/MemoryFileSystem.ts"

const test = (
  title: string,
  body: (world: { disk: Disk; faulty: Faulty; memory: MemoryFileSystem }) => Effect.Effect<void, unknown, Scope.Scope>,
) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      const memory = makeMemoryFileSystem()
      const faulty = yield* makeFaulty.pipe(Effect.provideService(FileSystem.FileSystem, memory.fs))
      yield* memory.fs.makeDirectory("/d")
      const disk = yield* Effect.provideService(
        makeDisk(faulty.fs),
        SystemCalls,
        callsOf(faulty.fs, yield* Effect.context<never>()),
      )
      yield* body({ disk, faulty, memory })
    }),
  )

describe("a call to the disk", () => {
  test("that is abandoned keeps its file open until it has ended", ({ disk, faulty, memory }) =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const file = yield* Scope.provide(disk.open("/d/f", "wx+"), scope)
      faulty.plan((_, call) => (call === "write" ? "delay" : undefined))
      const writing = yield* Effect.forkChild(file.write(audio(1)))
      yield* Effect.yieldNow
      expect(faulty.calls).toEqual(["write"])
      yield* Fiber.interrupt(writing)
      yield* Scope.close(scope, Exit.void)
      // To close now would let the pending write hit whatever file gets the same descriptor next.
      expect(memory.opened()).toBe(1)
      yield* faulty.release
      yield* Effect.yieldNow
      expect(memory.opened()).toBe(0)
    }))

  test("that opens a file after its caller has gone closes it and runs the cleanup", ({ disk, faulty, memory }) =>
    Effect.gen(function* () {
      let afterwards = 0
      faulty.plan((_, call) => (call === "open" ? "delay" : undefined))
      const opening = yield* Effect.forkChild(
        Effect.scoped(
          disk.open(
            "/d/f",
            "wx+",
            Effect.sync(() => void (afterwards += 1)),
          ),
        ),
      )
      yield* Effect.yieldNow
      yield* Fiber.interrupt(opening)
      expect([memory.opened(), afterwards]).toEqual([0, 0])
      yield* faulty.release
      yield* Effect.yieldNow
      expect([memory.opened(), afterwards]).toEqual([0, 1])
      expect(memory.names()).toEqual(["/d/f"])
    }))

  test("that gives no answer is given up, as trouble with the disk", ({ disk, faulty }) =>
    Effect.gen(function* () {
      faulty.plan(() => "delay")
      const asking = yield* Effect.forkChild(Effect.flip(disk.stat("/d")))
      yield* TestClock.adjust("6 seconds")
      expect((yield* Fiber.join(asking)).kind).toBe("TIMEOUT")
      yield* faulty.release
    }))

  test("on a file whose scope is closed fails", ({ disk }) =>
    Effect.gen(function* () {
      const file = yield* Effect.scoped(disk.open("/d/f", "wx+"))
      expect((yield* Effect.flip(file.read(0, 1))).kind).toBe("EntryBroken")
    }))

  test("that writes a new file and is abandoned on the way gives it no name", ({ disk, faulty, memory }) =>
    Effect.gen(function* () {
      yield* memory.fs.makeDirectory("/named")
      faulty.plan((_, call) => (call === "sync" ? "delay" : undefined))
      const file = { pieces: [audio(1)], temp: "/d/f", path: "/named/f", folder: "/named" }
      const writing = yield* Effect.forkChild(Effect.flip(disk.writeNew(file)))
      yield* Effect.yieldNow
      yield* TestClock.adjust("31 seconds")
      expect((yield* Fiber.join(writing)).kind).toBe("TIMEOUT")
      yield* faulty.release
      yield* Effect.yieldNow
      expect([memory.opened(), memory.names()]).toEqual([0, []])
      faulty.plan(() => undefined)
      expect(yield* disk.writeNew(file)).toBeUndefined()
      expect(memory.names()).toEqual(["/named/f"])
    }))
})
