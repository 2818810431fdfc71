import { expect, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { TestClock } from "effect/testing"
import { CacheError, DiskTrouble } from "../../src/cache/CacheError.ts"
import { makeTrouble } from "../../src/cache/Trouble.ts"

const failing = (code: string) =>
  new CacheError({ reason: new DiskTrouble({ operation: "write", code, message: `${code}: no` }) })

it.effect("one line per kind of trouble, another when it is over, and again when it comes back", () => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message }) => void lines.push(String(message)))
  return Effect.gen(function* () {
    const trouble = makeTrouble()
    yield* trouble.over("write entries")
    for (let i = 0; i < 100; i++) yield* trouble.report("write entries", failing("ENOSPC"))
    yield* trouble.report("write entries", failing("EIO"))
    yield* trouble.report("read entries", failing("EIO"))
    expect(lines.length).toBe(3)
    yield* trouble.over("write entries")
    yield* trouble.over("write entries")
    expect(lines.slice(3)).toEqual(["The cache can write entries again."])
    yield* trouble.report("write entries", failing("ENOSPC"))
    expect(lines.length).toBe(5)
    yield* TestClock.adjust("11 minutes")
    yield* trouble.report("write entries", failing("ENOSPC"))
    expect(lines.length).toBe(6)
  }).pipe(Effect.provide(Logger.layer([logger])))
})
