import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { engineName } from "../../src/health/EngineId.ts"
import { Fleet } from "../../src/health/Fleet.ts"
import { Settings } from "../../src/Settings.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { enginesOf, testFleet } from "../support/fleet.ts"

const named = Effect.fnUntraced(function* (parakeets: Parameters<typeof enginesOf>[0]) {
  const { get, members } = yield* Effect.flatMap(enginesOf(parakeets), (engines) =>
    Effect.provide(Fleet, Fleet.layerOf(engines)),
  )
  assert.deepStrictEqual(
    members.map(({ id }) => get(id)),
    members,
  )
  return members.map(({ id }) => `${id}, ${engineName(id)}`)
}, Effect.provide(Settings.layerTest()))

it.effect("the only engine of a kind is called like its kind, several have numbers", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* named([{}]), ["magpie, Magpie", "parakeet, Parakeet"])
    assert.deepStrictEqual(yield* named([{}, {}]), [
      "magpie, Magpie",
      "parakeet-1, Parakeet 1",
      "parakeet-2, Parakeet 2",
    ])
  }),
)

it.effect("engines of one model are an edition, in the order in which they were given", () =>
  Effect.gen(function* () {
    const engines = yield* enginesOf([{ model: "a" }, { model: "b" }, { model: "a" }])
    const { editions } = yield* Effect.provide(Fleet, Fleet.layerOf(engines))
    assert.deepStrictEqual(
      editions("parakeet").map(({ members, traits }) => [traits.model, ...members]),
      [
        ["a", "parakeet-1", "parakeet-3"],
        ["b", "parakeet-2"],
      ],
    )
  }).pipe(Effect.provide(Settings.layerTest())),
)

it.effect("one Magpie alone is a fleet, in which nobody listens", () =>
  Effect.gen(function* () {
    const { members, of } = yield* Fleet
    assert.deepStrictEqual(
      members.map(({ id }) => id),
      ["magpie"],
    )
    assert.throws(() => of("parakeet"), "there is no parakeet in the fleet")
  }).pipe(
    Effect.provide(Fleet.layerMagpie),
    Effect.provide(MagpieClient.layerTest()),
    Effect.provide(Settings.layerTest()),
  ),
)

it.effect("programs are told what all of a kind have in common", () =>
  Effect.gen(function* () {
    const { traits } = yield* Fleet
    assert.deepStrictEqual([traits("magpie").model, traits("parakeet").model], ["test-magpie", "test-parakeet"])
  }).pipe(Effect.provide(testFleet)),
)
