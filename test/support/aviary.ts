import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem, Layer } from "effect"
import { programs } from "../../src/Aviary.ts"
import { Settings } from "../../src/Settings.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { startGateway } from "./gateway.ts"

type Written = NonNullable<Parameters<typeof Settings.layerTest>[0]>

/** The whole gateway on a free loopback port, its own data directory, with the engines of the NIM at `nim`. */
export const startAviary = Effect.fnUntraced(function* (nim: { readonly url: URL }, settings: Written = {}) {
  const fs = yield* FileSystem.FileSystem
  const dataDir = settings.dataDir ?? (yield* fs.makeTempDirectoryScoped({ prefix: "aviary-test-" }))
  const written = { dataDir, ...settings }
  const engines = Layer.merge(MagpieClient.layerNim(nim.url), ParakeetClient.layerNim(nim.url)).pipe(
    Layer.provide(Settings.layerTest(written)),
    Layer.orDie,
  )
  const gateway = yield* startGateway({
    engines,
    programs: programs.pipe(Layer.provide(NodeServices.layer)),
    settings: written,
  })
  /** Files that a request or a flight left in the data directory, committed entries and records of ownership aside. */
  const strays = Effect.map(fs.readDirectory(dataDir, { recursive: true }), (names) =>
    names.filter((name) => /(^|\/)(tmp|recordings|uploads)\/.*\.(part|wav|tmp|upload)$/.test(name)),
  )
  return { ...gateway, dataDir, strays }
})

/** `POST /v1/audio/speech`; the answer's body is not read yet. */
export const postSpeech = (
  url: string,
  body: Record<string, unknown> = {},
  init: { readonly headers?: Record<string, string>; readonly signal?: AbortSignal } = {},
): Effect.Effect<Response> =>
  Effect.promise((signal) =>
    fetch(`${url}/v1/audio/speech`, {
      method: "POST",
      headers: { "content-type": "application/json", ...init.headers },
      body: JSON.stringify({ model: "tts-1", voice: "alloy", input: "A sentence to say.", ...body }),
      signal: init.signal ?? signal,
    }),
  )
