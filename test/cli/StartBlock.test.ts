import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { startBlock } from "../../src/cli/StartBlock.ts"
import { AdminToken } from "../../src/http/AdminToken.ts"
import { Settings, table } from "../../src/Settings.ts"
import { testEngines } from "../support/gateway.ts"

const blockOf = (access: string) => {
  const settings = Settings.layerTest({ access, adminToken: "the-operator-s-own" })
  return startBlock("http://127.0.0.1:8000").pipe(
    Effect.provide(Layer.mergeAll(AdminToken.layer, testEngines).pipe(Layer.provideMerge(settings))),
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

it.effect("names no variable that a later start would refuse", () =>
  Effect.gen(function* () {
    const known = Object.values(table).map(({ name }) => name)
    const named = (yield* blockOf("keys")).match(/\bAVIARY_[A-Z_]*[A-Z]/g) ?? []
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter((name) => !known.includes(name))).toEqual([])
  }),
)
