import { Layer } from "effect"
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
