import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { join } from "node:path"
import { AudioDecoder } from "./audio/AudioDecoder.ts"
import { AtomicCache } from "./cache/AtomicCache.ts"
import { Flights } from "./cache/Flights.ts"
import * as Server from "./http/Server.ts"
import { Settings } from "./Settings.ts"
import { Speech } from "./speech/Speech.ts"
import * as Log from "./telemetry/Log.ts"
import { VoiceList } from "./speech/VoiceList.ts"
import { Transcription } from "./transcription/Transcription.ts"
import { MagpieClient } from "./upstream/MagpieClient.ts"
import { ParakeetClient } from "./upstream/ParakeetClient.ts"

/** Magpie at its URL, or the embedded engine where there is none. */
export const magpie = Layer.unwrap(
  Effect.map(Settings, ({ magpieUrl }) =>
    magpieUrl === undefined ? MagpieClient.layerEmbedded : MagpieClient.layerNim(magpieUrl),
  ),
)

/** Parakeet at its URL, or the embedded engine where there is none. */
export const parakeet = Layer.unwrap(
  Effect.map(Settings, ({ parakeetUrl }) =>
    parakeetUrl === undefined ? ParakeetClient.layerEmbedded : ParakeetClient.layerNim(parakeetUrl),
  ),
)

export const engines = Layer.mergeAll(magpie, parakeet)

const decoder = Layer.unwrap(
  Effect.map(Settings, ({ dataDir }) => AudioDecoder.layer({ directory: join(dataDir, "recordings") })),
)

/** Text to audio and audio to text, over whatever engines there are. */
export const programs = Layer.mergeAll(
  Speech.layer.pipe(Layer.provide(Flights.layer), Layer.provideMerge(AtomicCache.layer)),
  Transcription.layer.pipe(Layer.provide(decoder)),
)

/** The gateway, serving on `AVIARY_HOST` and `AVIARY_PORT`. */
export const gateway = Server.layer.pipe(
  Layer.provideMerge(Server.layerNode),
  Layer.provide(programs),
  Layer.provide(VoiceList.layer),
  Layer.provideMerge(engines),
  Layer.provide(Log.layer),
  Layer.provideMerge(Settings.layer),
  Layer.provideMerge(NodeServices.layer),
)
