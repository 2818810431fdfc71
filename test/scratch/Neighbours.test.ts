import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Context, Effect, Exit, FileSystem, Layer, Logger, Scope } from "effect"
import { Neighbours } from "../../src/scratch/Neighbours.ts"
import { Settings } from "../../src/Settings.ts"

it.live("gateways on one data directory know of each other, say so when it changes, and count none that is dead", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const dataDir = yield* fs.makeTempDirectoryScoped()
    const said: Array<string> = []
    const logger = Logger.make(({ message }) => said.push(String(message)))
    const start = Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      const settings = Settings.layerTest({ dataDir })
      const context = yield* Layer.buildWithScope(Layer.fresh(Neighbours.layer).pipe(Layer.provide(settings)), scope)
      return { count: Context.get(context, Neighbours).count, stop: Scope.close(scope, Exit.void) }
    }).pipe(Effect.provide(Logger.layer([logger])))
    const counting = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.provide(effect, Logger.layer([logger]))

    const one = yield* start
    expect(yield* counting(one.count)).toBe(0)
    // What a killed gateway leaves: its folder, and a process that is no more.
    const [folder] = yield* fs.readDirectory(`${dataDir}/gateways`)
    const owner = JSON.parse(yield* fs.readFileString(`${dataDir}/gateways/${folder}/owner.json`))
    const dead = `${dataDir}/gateways/${"0".repeat(16)}`
    yield* fs.makeDirectory(dead)
    yield* fs.writeFileString(`${dead}/owner.json`, JSON.stringify({ ...owner, started: "1" }))
    // One in another container, which only its heartbeat shows to be alive.
    const unseen = `${dataDir}/gateways/${"1".repeat(16)}`
    yield* fs.makeDirectory(unseen)
    yield* fs.writeFileString(`${unseen}/owner.json`, JSON.stringify({ ...owner, namespace: "pid:[another]" }))
    expect(yield* counting(one.count)).toBe(0)
    yield* fs.utimes(`${unseen}/owner.json`, 1, 1)
    expect([yield* counting(one.count), yield* counting(one.count)]).toEqual([1, 1])
    yield* fs.remove(unseen, { recursive: true })
    expect(yield* counting(one.count)).toBe(0)

    said.length = 0
    const two = yield* start
    expect([yield* counting(one.count), yield* counting(two.count)]).toEqual([1, 1])
    yield* two.stop
    expect(yield* counting(one.count)).toBe(0)
    const another = "Another gateway works on this ledger. A key's limits a minute count in each of them by itself."
    expect(said).toEqual([another, another, "No other gateway works on this ledger any more"])
  }).pipe(Effect.provide(NodeServices.layer)),
)
