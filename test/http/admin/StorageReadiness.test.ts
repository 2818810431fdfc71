import { expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, FileSystem, Layer } from "effect"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { TestClock } from "effect/testing"
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Billing } from "../../../src/billing/Billing.ts"
import { BillingError } from "../../../src/billing/BillingError.ts"
import { FreeBytes } from "../../../src/cache/Reserve.ts"
import { makeStorageReadiness } from "../../../src/http/admin/StorageReadiness.ts"
import { Scratch } from "../../../src/scratch/Scratch.ts"
import { Settings } from "../../../src/Settings.ts"

const whole = { ledger: { ready: true }, data: { ready: true }, cache: { ready: true } }

const room = Effect.gen(function* () {
  const dataDir = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())
  const state = { free: 1e9, ledger: Effect.void as Effect.Effect<void, BillingError>, asked: 0 }
  const billing = Context.get(yield* Layer.build(Billing.layerFree), Billing)
  const ledger = Effect.suspend(() => ((state.asked += 1), state.ledger))
  const settings = Settings.layerTest({ dataDir })
  const rooms = yield* Layer.build(
    Layer.mergeAll(
      Layer.succeed(Billing, { ...billing, check: ledger }),
      settings,
      Scratch.layer.pipe(Layer.provide(settings)),
    ),
  )
  const readiness = yield* makeStorageReadiness.pipe(
    Effect.provide(rooms),
    Effect.provideService(FreeBytes, () => Effect.sync(() => state.free)),
  )
  const later = Effect.andThen(TestClock.adjust("1 second"), readiness)
  return { dataDir, state, readiness, later }
})

const test = (title: string, body: Effect.Effect<void, unknown, Effect.Services<typeof room>>) =>
  it.effect(title, () => Effect.provide(body, NodeServices.layer))

test(
  "all that requests write to is ready, and asked once a second",
  Effect.gen(function* () {
    const { later, readiness, state } = yield* room
    for (let n = 0; n < 5; n++) expect(yield* readiness).toEqual(whole)
    expect(state.asked).toBe(1)
    yield* later
    expect(state.asked).toBe(2)
  }),
)

test(
  "a ledger that cannot be written is named with the reason, and so is a full disk",
  Effect.gen(function* () {
    const { later, state } = yield* room
    state.ledger = Effect.fail(BillingError.unavailable("full", "database or disk is full"))
    expect(yield* later).toEqual({ ...whole, ledger: { ready: false, reason: "LedgerFull" } })
    state.ledger = Effect.void
    state.free = 4_096
    expect(yield* later).toEqual({ ...whole, data: { ready: false, reason: "DiskFull" } })
    state.free = 1e9
    expect(yield* later).toEqual(whole)
  }),
)

test(
  "folders that were removed are made again, and those that cannot be are named",
  Effect.gen(function* () {
    const { dataDir, later, readiness } = yield* room
    yield* readiness
    rmSync(join(dataDir, "cache"), { recursive: true })
    rmSync(join(dataDir, "tmp"), { recursive: true })
    expect(yield* later).toEqual(whole)
    expect([existsSync(join(dataDir, "cache/tmp")), existsSync(join(dataDir, "tmp"))]).toEqual([true, true])
    rmSync(join(dataDir, "cache"), { recursive: true })
    writeFileSync(join(dataDir, "cache"), "in its place")
    const { cache, data, ledger } = yield* later
    expect([cache.ready, data, ledger]).toEqual([false, { ready: true }, { ready: true }])
  }),
)

test(
  "who does not answer within two seconds is not ready",
  Effect.gen(function* () {
    const { readiness, state } = yield* room
    const reached = yield* Deferred.make<void>()
    state.ledger = Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
    const asked = yield* Effect.forkChild(readiness)
    yield* Deferred.await(reached)
    yield* TestClock.adjust("2 seconds")
    const { ledger } = yield* Fiber.join(asked)
    expect(ledger).toEqual({ ready: false, reason: "TimedOut" })
  }),
)
