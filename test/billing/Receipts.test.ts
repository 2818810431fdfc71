// A gateway that is killed has told nobody but its own disk that an answer has just got out. The next one to start reads it there, before
// anything is paid back: what a client has heard to its end stays charged.
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, it } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Accounts } from "../../src/billing/Accounts.ts"
import { Billing } from "../../src/billing/Billing.ts"
import * as Receipts from "../../src/billing/Receipts.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import type { Usage } from "../../src/billing/Usage.ts"
import { Neighbours } from "../../src/scratch/Neighbours.ts"
import { Settings } from "../../src/Settings.ts"
import { down, faultyLedger, hundred, openWorld } from "../support/billing.ts"
import { temporary } from "../support/cache.ts"

/** What is noted in a data directory. */
const notes = (dataDir: string) => {
  const all = join(dataDir, "receipts")
  return readdirSync(all).flatMap((folder) =>
    readdirSync(join(all, folder))
      .filter((name) => name !== "owner.json")
      .flatMap((name) =>
        readFileSync(join(all, folder, name), "utf8")
          .split("\n")
          .filter(Boolean),
      ),
  )
}

/** A minute, with as much time for the disk as it wants. */
const minute = Effect.andThen(
  TestClock.adjust("1 minute"),
  Effect.promise(() => readdir(tmpdir())),
)

/** As if the process that a folder belongs to were no more. */
const kill = (dataDir: string) => {
  for (const folder of readdirSync(join(dataDir, "receipts"))) {
    const file = join(dataDir, "receipts", folder, "owner.json")
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, "utf8")) as object), pid: 4_194_303 }))
  }
}

const room = (dataDir: string) => {
  const settings = Settings.layerTest({ dataDir })
  const billing = Billing.layer.pipe(Layer.provide(Receipts.layer), Layer.provide([settings, Neighbours.layerNone]))
  return { settings, billing: Layer.fresh(billing) }
}

/** A ledger that outlives the gateways that use it, each of which is a scope. */
const world = Effect.gen(function* () {
  const outer = yield* Effect.scope
  const dataDir = yield* temporary
  const { billing, settings } = room(dataDir)
  const kept = yield* Layer.build(
    Accounts.layer.pipe(
      Layer.provideMerge(faultyLedger),
      Layer.provideMerge(settings),
      Layer.provideMerge(NodeServices.layer),
    ),
  )
  const start = Effect.gen(function* () {
    const scope = yield* Scope.fork(outer)
    const gateway = yield* Layer.buildWithScope(billing, scope).pipe(Effect.provide(kept))
    const opened = yield* openWorld().pipe(Effect.provide(Context.merge(kept, gateway)))
    return opened
  })
  return { dataDir, start }
})

const nothing: Usage = { ...hundred, characters: 0 }

const answered = (one: Effect.Success<Effect.Success<typeof world>["start"]>, usage: Usage = hundred) =>
  Effect.gen(function* () {
    const hold = yield* one.billing.reserve(usage)
    yield* one.billing.settle(hold, { served: "MISS" })
    yield* one.billing.delivered(hold)
    return hold.id
  }).pipe(Effect.scoped, one.pays)

it.effect("an answer that is out stays charged when its gateway is killed before the ledger knows: it is noted", () =>
  Effect.gen(function* () {
    const { dataDir, start } = yield* world
    const first = yield* start
    const id = yield* answered(first)
    assert.deepStrictEqual(notes(dataDir), [id])
    kill(dataDir)
    yield* start
    assert.deepStrictEqual(yield* first.books, { balance: 900, held: 0, entries: ["charge -100"] })
    // It is known, and swept.
    assert.deepStrictEqual(notes(dataDir), [])
  }).pipe(Effect.scoped),
)

it.effect("an answer that is not out when its gateway is killed is paid back: nothing is noted before it is", () =>
  Effect.gen(function* () {
    const { dataDir, start } = yield* world
    const first = yield* start
    const settled = yield* Deferred.make<void>()
    yield* Effect.forkChild(
      Effect.gen(function* () {
        const hold = yield* first.billing.reserve(hundred)
        yield* first.billing.settle(hold, { served: "MISS" })
        yield* Deferred.succeed(settled, undefined)
        return yield* Effect.never
      }).pipe(Effect.scoped, first.pays),
    )
    yield* Deferred.await(settled)
    kill(dataDir)
    yield* start
    assert.deepStrictEqual(yield* first.books, { balance: 1_000, held: 0, entries: ["charge -100", "refund 100"] })
  }).pipe(Effect.scoped),
)

it.effect("a neighbour that sweeps what a killed gateway left tells the ledger first, and as soon as it takes it", () =>
  Effect.gen(function* () {
    const { dataDir, start } = yield* world
    const [first, neighbour] = [yield* start, yield* start]
    yield* TestClock.adjust("2 seconds")
    neighbour.faults.set("delivered", down())
    const id = yield* answered(first)
    kill(dataDir)
    yield* Effect.repeat(minute, { times: 5 })
    assert.deepStrictEqual(notes(dataDir), [id])
    neighbour.faults.delete("delivered")
    yield* Effect.repeat(minute, { until: () => notes(dataDir).length === 0 })
  }).pipe(Effect.scoped),
)

it.effect("answers that the ledger knows to be out are noted no more", () =>
  Effect.gen(function* () {
    const { dataDir, start } = yield* world
    const gateway = yield* start
    yield* Effect.repeat(answered(gateway, nothing), { times: 399 })
    // They are told along with the requests that come after them, and forgotten a hundred at a time.
    assert.isBelow(notes(dataDir).length, 200)
  }).pipe(Effect.scoped),
)

const written = (dataDir: string) =>
  Effect.map(
    Layer.build(Receipts.layer.pipe(Layer.provide([SqliteLedger.layerMemory, Settings.layerTest({ dataDir })]))),
    (context) => Context.get(context, Receipts.Receipts),
  ).pipe(Effect.provide(NodeServices.layer))

it.effect("what the ledger knows is forgotten once it is much, what it does not is kept", () =>
  Effect.gen(function* () {
    const dataDir = yield* temporary
    const { telling, write } = yield* written(dataDir)
    const claims = (from: number) => Array.from({ length: 200 }, (_, index) => `hold_${from + index}_${"x".repeat(30)}`)
    const note = (from: number) => Effect.forEach(claims(from), write, { discard: true })
    yield* note(0)
    telling()
    // The ledger does not answer.
    assert.strictEqual(notes(dataDir).length, 200)
    // Those that are noted while the others are told are not among them.
    const told = telling()
    yield* note(200)
    told()
    assert.deepStrictEqual(notes(dataDir), claims(200))
    telling()()
    assert.deepStrictEqual(notes(dataDir), [])
  }).pipe(Effect.scoped),
)

it.effect("where nothing can be noted the log says so, and answers are given all the same", () =>
  Effect.gen(function* () {
    const dataDir = yield* temporary
    writeFileSync(join(dataDir, "receipts"), "in the way")
    const lines: Array<string> = []
    const log = Logger.make(({ message }) => void lines.push(String(message)))
    yield* Effect.flatMap(written(dataDir), ({ write }) => write("hold")).pipe(Effect.provide(Logger.layer([log])))
    assert.match(lines.join(), /What is delivered cannot be noted in .*receipts: a crash pays back what had just ended/)
  }).pipe(Effect.scoped),
)
