import { Effect, Layer } from "effect"
import { Fleet } from "../../src/health/Fleet.ts"
import { Settings } from "../../src/Settings.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"

/** One engine of each kind, of a test's own; what is left out is as in `layerTest` of the clients. */
export const oneOfEach = (
  engines: {
    readonly magpie?: Partial<MagpieClient["Service"]>
    readonly parakeet?: Partial<ParakeetClient["Service"]>
  } = {},
) =>
  Fleet.layer.pipe(Layer.provide([MagpieClient.layerTest(engines.magpie), ParakeetClient.layerTest(engines.parakeet)]))

/** The same, where settings are of no concern. */
export const testFleet = oneOfEach().pipe(Layer.provide(Settings.layerTest()))

/** The engines of `fleetOf`. */
export const enginesOf = Effect.fnUntraced(function* (parakeets: ReadonlyArray<Partial<ParakeetClient["Service"]>>) {
  const { magpieConcurrency, parakeetConcurrency } = yield* Settings
  const restart = { kind: "none" } as const
  const magpie = yield* Effect.provide(MagpieClient, MagpieClient.layerTest())
  const clients = yield* Effect.forEach(parakeets, (one) =>
    Effect.provide(ParakeetClient, ParakeetClient.layerTest(one)),
  )
  return [
    { kind: "magpie", client: magpie, concurrency: magpieConcurrency, restart } as const,
    ...clients.map((client) => ({ kind: "parakeet", client, concurrency: parakeetConcurrency, restart }) as const),
  ]
})

/** One Magpie and several Parakeets. */
export const fleetOf = (parakeets: ReadonlyArray<Partial<ParakeetClient["Service"]>>) =>
  Layer.unwrap(Effect.map(enginesOf(parakeets), Fleet.layerOf))
