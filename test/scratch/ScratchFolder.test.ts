import { readdirSync, readFileSync, rmSync, writeFileSync, statSync, utimesSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, type FileSystem, Logger, type Path, type Scope } from "effect"
import { TestClock } from "effect/testing"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { makeScratchFolder, type ScratchFolder } from "../../src/scratch/ScratchFolder.ts"
import { audio, keyOf, life, node, put, read, temporary } from "../support/cache.ts"

const turn = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 1)))
const step = Effect.andThen(TestClock.adjust("31 seconds"), Effect.repeat(turn, { times: 10 }))
const exists = (path: string) => statSync(path, { throwIfNoEntry: false }) !== undefined

const test = <E>(title: string, body: (directory: string) => Effect.Effect<void, E, Scope.Scope>) =>
  it.effect(title, () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.now())
      yield* body(yield* temporary)
    }),
  )

describe("temporary files", () => {
  const owner = (directory: string) => {
    const folder = readdirSync(join(directory, "tmp"))[0]!
    return join(directory, "tmp", folder, "owner.json")
  }
  /** Leaves a folder as a gateway leaves it that was killed in the middle of a write. */
  const stray = (directory: string, change: object) =>
    life(
      directory,
      Effect.gen(function* () {
        const writer = yield* (yield* AtomicCache).write(keyOf("a"))
        yield* writer.append(audio(1))
        const self = JSON.parse(readFileSync(owner(directory), "utf8")) as object
        const folder = join(directory, "tmp", "0123456789abcdef")
        mkdirSync(folder)
        writeFileSync(join(folder, "1"), "half")
        writeFileSync(join(folder, "owner.json"), JSON.stringify({ ...self, ...change }))
        return folder
      }),
    )

  test("of a process that is no more go at the next start", (directory) =>
    Effect.gen(function* () {
      for (const change of [{ pid: 4_194_303 }, { started: "1" }]) {
        const folder = yield* stray(directory, change)
        yield* life(
          directory,
          Effect.sync(() => expect(exists(folder)).toBe(false)),
        )
      }
    }))

  test("of a process that lives stay, however long its heart has stood still: it may be stopped, or its machine asleep", (directory) =>
    Effect.gen(function* () {
      const folder = yield* stray(directory, {})
      utimesSync(join(folder, "owner.json"), 1_000, 1_000)
      yield* life(
        directory,
        Effect.gen(function* () {
          for (let i = 0; i < 8; i++) yield* step
          expect(exists(folder)).toBe(true)
        }),
      )
    }))

  test("of another machine go once their heartbeat has stood still, and stay while it beats", (directory) =>
    Effect.gen(function* () {
      const folder = yield* stray(directory, { boot: "another" })
      yield* life(
        directory,
        Effect.gen(function* () {
          for (let i = 0; i < 12; i++) {
            utimesSync(join(folder, "owner.json"), Date.now() / 1_000 + i, Date.now() / 1_000 + i)
            yield* step
          }
          expect(exists(folder)).toBe(true)
          for (let i = 0; i < 12; i++) yield* step
          expect(exists(folder)).toBe(false)
        }),
      )
    }))

  test("of another machine are not judged by its clock", (directory) =>
    Effect.gen(function* () {
      const folder = yield* stray(directory, { boot: "another" })
      utimesSync(join(folder, "owner.json"), 1_000, 1_000)
      yield* life(
        directory,
        Effect.sync(() => expect(exists(folder)).toBe(true)),
      )
    }))

  test("without an owner go once they are old", (directory) =>
    Effect.gen(function* () {
      const folder = join(directory, "tmp", "0123456789abcdef")
      mkdirSync(folder, { recursive: true })
      yield* life(
        directory,
        Effect.sync(() => expect(exists(folder)).toBe(true)),
      )
      utimesSync(folder, Date.now() / 1_000 - 700, Date.now() / 1_000 - 700)
      yield* life(
        directory,
        Effect.sync(() => expect(exists(folder)).toBe(false)),
      )
    }))

  test("taken for strays cost their writer the entry, and no more", (directory) =>
    life(
      directory,
      Effect.gen(function* () {
        const writer = yield* (yield* AtomicCache).write(keyOf("a"))
        yield* writer.append(audio(1))
        rmSync(join(directory, "tmp"), { recursive: true })
        expect(yield* writer.read(0, 1_000)).toEqual(Buffer.from(audio(1)))
        const commit = writer.commit({ contentType: "audio/mpeg", durationMs: 1, characters: 1, voice: "v" })
        expect((yield* Effect.flip(commit)).kind).toBe("ENOENT")
        expect(yield* read("a")).toBeUndefined()
        yield* put("a", audio(2))
        expect(yield* read("a")).toEqual(audio(2))
      }),
    ))

  test("are gone after an orderly end", (directory) =>
    Effect.gen(function* () {
      yield* life(
        directory,
        Effect.gen(function* () {
          const writer = yield* (yield* AtomicCache).write(keyOf("a"))
          yield* writer.append(audio(1))
          expect(readdirSync(join(directory, "tmp"))).toHaveLength(1)
        }),
      )
      expect(readdirSync(join(directory, "tmp"))).toEqual([])
    }))
})

describe("a scratch folder", () => {
  const messages: Array<string> = []
  const logger = Logger.make(({ message }) => void messages.push(String(message)))
  const scratch = <E>(
    title: string,
    body: (
      folder: ScratchFolder,
      all: string,
    ) => Effect.Effect<void, E, Scope.Scope | Path.Path | FileSystem.FileSystem>,
  ) =>
    test(title, (directory) =>
      Effect.gen(function* () {
        messages.length = 0
        yield* body(yield* makeScratchFolder(join(directory, "all")), join(directory, "all"))
      }).pipe(Effect.scoped, Effect.provide([node, Logger.layer([logger])])),
    )

  scratch("keeps a file for as long as its scope, readable by its owner alone", (folder) =>
    Effect.gen(function* () {
      const path = yield* Effect.scoped(
        Effect.gen(function* () {
          const path = yield* folder.file
          expect(yield* folder.files).toEqual([path])
          expect([statSync(path).mode & 0o777, statSync(join(path, "..")).mode & 0o777]).toEqual([0o600, 0o700])
          return path
        }),
      )
      expect(exists(path)).toBe(false)
      expect(yield* folder.files).toEqual([])
    }),
  )

  scratch("that was removed is made again for the next file, which the log says once", (folder, all) =>
    Effect.gen(function* () {
      yield* folder.file
      rmSync(all, { recursive: true })
      const paths = [yield* folder.file, yield* folder.file]
      expect(yield* folder.files).toEqual(paths)
      expect(messages).toEqual([expect.stringContaining("was removed while it was in use")])
    }),
  )

  scratch("that was removed is made again at its next heartbeat though nobody asks for a file", (folder, all) =>
    Effect.gen(function* () {
      yield* folder.file
      rmSync(all, { recursive: true })
      yield* step
      expect(readdirSync(all)).toHaveLength(1)
    }),
  )

  scratch("says so where it cannot be written to", (folder, all) =>
    Effect.gen(function* () {
      yield* folder.check
      rmSync(all, { recursive: true })
      writeFileSync(all, "in the way")
      expect((yield* Effect.flip(folder.check)).reason._tag).not.toBe("NotFound")
      rmSync(all)
      yield* folder.check
    }),
  )

  scratch(
    "says that it is unshared in the same words until another process comes, and never again in those",
    (folder, all) =>
      Effect.gen(function* () {
        expect(yield* folder.unshared).toBeUndefined()
        yield* folder.check
        const alone = yield* folder.unshared
        expect(alone).toBeDefined()
        const path = yield* folder.file
        rmSync(path)
        expect(yield* folder.unshared).toBe(alone)
        // The time of a folder is told in milliseconds.
        yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* (yield* makeScratchFolder(all)).check
            expect(yield* folder.unshared).toBeUndefined()
          }),
        )
        const later = yield* folder.unshared
        expect(later).toBeDefined()
        expect(later).not.toBe(alone)
      }),
  )

  scratch("of one gateway keeps its files while others start and stop on the same directory", (folder, all) =>
    Effect.gen(function* () {
      const path = yield* folder.file
      for (let i = 0; i < 2; i++) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            const other = yield* makeScratchFolder(all)
            expect(yield* other.sweep).toBe(0)
            const theirs = yield* other.file
            expect((yield* other.files).toSorted()).toEqual([path, theirs].toSorted())
          }),
        )
      }
      expect(yield* folder.files).toEqual([path])
    }),
  )
})
