import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { cache as command } from "../../src/cli/cache.ts"
import { audio, keyOf, put } from "../support/cache.ts"
import { runCommand } from "../support/commandLine.ts"
import { startGateway, testRooms } from "../support/gateway.ts"

const adminToken = "the-operator-s-own"
const keys = ["one", "two", "three"].map(keyOf).toSorted()

const started = Effect.gen(function* () {
  const cache = yield* Effect.provide(AtomicCache, yield* Layer.build(AtomicCache.layerMemory))
  yield* Effect.forEach(["one", "two", "three"], (text, index) => put(text, audio(index))).pipe(
    Effect.provideService(AtomicCache, cache),
  )
  const rooms = Layer.merge(testRooms, Layer.succeed(AtomicCache, cache))
  const { url } = yield* startGateway({ rooms, settings: { adminToken } })
  return (...args: ReadonlyArray<string>) =>
    runCommand(command, [...args, "--url", url], { AVIARY_ADMIN_TOKEN: adminToken })
})

it.live("shows what the cache holds, for people and for scripts", () =>
  Effect.gen(function* () {
    const run = yield* started
    expect((yield* run("stats")).printed).toMatch(/^entries +3$/m)
    expect(JSON.parse((yield* run("stats", "--json")).printed)).toMatchObject({ entries: 3, bytes: 3_000 })
  }),
)

it.live("lists entries, and says how to go on where there are more", () =>
  Effect.gen(function* () {
    const run = yield* started
    const first = yield* run("list", "--limit", "2")
    expect(first.printed).toMatch(new RegExp(`^${keys[0]!.slice(0, 16)} .* v +audio/mpeg +5 +1 +1000$`, "m"))
    expect(first.printed).toContain(`There are more: --after ${keys[1]}`)
    const second = yield* run("list", "--limit", "2", "--after", keys[1]!)
    expect(second.printed).toContain(keys[2]!.slice(0, 16))
    expect(second.printed).not.toMatch(/There are more|--after/)
  }),
)

it.live("removes one entry or all, and nothing that was not named", () =>
  Effect.gen(function* () {
    const run = yield* started
    expect((yield* run("purge")).error).toBe("Say which entry to remove, or --all.")
    expect((yield* run("purge", keys[0]!, "--all")).error).toBe("Say which entry to remove, or --all.")
    expect((yield* run("stats")).printed).toMatch(/^entries +3$/m)
    expect((yield* run("purge", keys[0]!.slice(0, 16))).printed).toBe("Removed 1 entry.")
    expect((yield* run("purge", keys[0]!)).error).toContain(`There is no speech \`${keys[0]}\``)
    expect((yield* run("purge", "--all")).printed).toBe("Removed 2 entries.")
    expect((yield* run("stats")).printed).toMatch(/^entries +0$/m)
  }),
)
