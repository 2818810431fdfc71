import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { startBlock } from "../../src/cli/StartBlock.ts"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import type { EngineId } from "../../src/health/EngineId.ts"
import { Fleet } from "../../src/health/Fleet.ts"
import { AdminToken } from "../../src/http/access/AdminToken.ts"
import { Neighbours } from "../../src/scratch/Neighbours.ts"
import { Settings, table } from "../../src/Settings.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineLoading, EngineUnreachable } from "../../src/upstream/EngineFailure.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { testEngines } from "../support/gateway.ts"

const urls = { magpieUrl: "http://spark:9000", parakeetUrl: "http://spark:9001" }

type Urls = Pick<
  NonNullable<Parameters<typeof Settings.layerTest>[0]>,
  "magpieUrl" | "magpieUrls" | "parakeetUrl" | "parakeetRestart"
>

const blockOf = (access: string, engines = testEngines, neighbours = Neighbours.layerNone, at: Urls = urls) => {
  const settings = Settings.layerTest({ access, adminToken: "the-operator-s-own", ...at })
  const asleep = (id: EngineId) => (at.magpieUrls !== undefined && id === "magpie-2" ? "stopped" : "unknown")
  const fleet = Fleet.layer.pipe(Layer.provide(engines))
  return startBlock("http://127.0.0.1:8000").pipe(
    Effect.provide(
      Layer.mergeAll(AdminToken.layer, fleet, Layer.mock(DeepHealth, { state: asleep }), neighbours).pipe(
        Layer.provideMerge(settings),
      ),
    ),
    Effect.provide(NodeServices.layer),
  )
}

it.effect("says which commands let somebody in and set prices, where keys are asked for", () =>
  Effect.gen(function* () {
    const block = yield* blockOf("keys")
    for (const command of ["accounts create", "keys create", "rates publish"]) {
      expect(block).toContain(`aviary ${command} `)
    }
    expect(yield* blockOf("open")).not.toContain("accounts create")
  }),
)

it.effect("says that another gateway works on the same ledger, where one does", () =>
  Effect.gen(function* () {
    const shared = Layer.succeed(Neighbours, { alone: Effect.succeed(false), count: Effect.succeed(1) })
    expect(yield* blockOf("open", testEngines, shared)).toMatch(/^ +shared with +1 other gateway on the same ledger$/m)
    expect(yield* blockOf("open")).not.toContain("shared with")
  }),
)

it.effect("says in short what check says beside the engines: settings, ledger, disk, restarts, ffmpeg", () =>
  Effect.gen(function* () {
    const plain = yield* blockOf("open")
    expect(plain).toMatch(/^ +settings +4 of \d+ are set, from environment; the rest is as by default$/m)
    expect(plain).toMatch(/^ +ledger +SQLite, .*ledger\.sqlite$/m)
    for (const title of ["disk", "ffmpeg"]) expect(plain).toMatch(new RegExp(`^ +${title} +\\S`, "m"))
    expect(plain).not.toContain("restarts")
    const missing = { ...urls, parakeetRestart: 'command:["no-such-program-anywhere"]' }
    const block = yield* blockOf("open", testEngines, Neighbours.layerNone, missing)
    expect(block).toMatch(/^ +restarts +Magpie: nothing: a wedge is told of and not mended$/m)
    expect(block).toMatch(/^ +LOOK AT IT: Parakeet: no-such-program-anywhere: no such program on the PATH/m)
  }),
)

it.effect("names no variable that a later start would refuse", () =>
  Effect.gen(function* () {
    const known = Object.values(table).map(({ name }) => name)
    const named = (yield* blockOf("keys")).match(/\bAVIARY_[A-Z_]*[A-Z]/g) ?? []
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((name) => !known.includes(name))).toEqual([])
  }),
)

it.effect("shows for every engine whether it answers, and waits at most 2 seconds", () =>
  Effect.gen(function* () {
    expect(yield* blockOf("open")).toMatch(
      /text to speech .*spark:9000.*: ready\)\n.*speech to text .*spark:9001.*: ready\)/,
    )
    const magpie = (ready: (typeof MagpieClient.Service)["ready"]) => MagpieClient.layerTest({ ready })
    const away = magpie(
      new EngineError({ engine: "magpie", reason: new EngineUnreachable({ message: "ECONNREFUSED" }) }),
    )
    const loading = ParakeetClient.layerTest({
      ready: new EngineError({ engine: "parakeet", reason: new EngineLoading({ message: "503" }) }),
    })
    const block = yield* blockOf("open", Layer.merge(away, loading))
    expect(block).toMatch(/spark:9000.*: NOBODY ANSWERS there yet\)\n.*spark:9001.*: still loading its model\)/)
    const deaf = blockOf("open", Layer.merge(magpie(Effect.never), loading))
    const [silent] = yield* Effect.all([deaf, TestClock.adjust("2 seconds")], { concurrency: "unbounded" })
    expect(silent).toMatch(/spark:9000.*: NO ANSWER within 2 seconds\)/)
  }),
)

it.effect("shows an engine's URL without the password in it", () =>
  Effect.gen(function* () {
    const withPassword = { magpieUrl: "http://me:s3cret@spark:9000", parakeetUrl: "http://me:s3cret@spark:9001" }
    const block = yield* blockOf("open", testEngines, Neighbours.layerNone, withPassword)
    expect(block).toContain("http://spark:9000/")
    expect(block).not.toContain("s3cret")
  }),
)

it.effect("names each of several engines, where it is, and whether it waits to be needed", () =>
  Effect.gen(function* () {
    const several = {
      magpieUrls:
        'http://127.0.0.1:1 protocol=nim, http://127.0.0.1:2 protocol=nim model=other restart=docker:m idle="5 minutes"',
      parakeetUrl: "http://spark:9001",
    }
    expect(yield* blockOf("open", testEngines, Neighbours.layerNone, several)).toMatch(
      /text to speech {3}Magpie 1: test-magpie \(http:\/\/127.0.0.1:1\/: ready\)\n {19}Magpie 2: other \(http:\/\/127.0.0.1:2\/: stopped; a request will have it started\)\n {2}speech to text/,
    )
  }),
)
