import { NodeServices } from "@effect/platform-node"
import { Effect, Layer, Stream } from "effect"
import { magpie, services } from "@aviary-speech/gateway"
import { address, layer as server, layerNode } from "@aviary-speech/gateway/http/Server"
import { Settings } from "@aviary-speech/gateway/Settings"
import { ParakeetClient } from "@aviary-speech/gateway/upstream/ParakeetClient"

/** Hears the same words in whatever is sent. */
const Deaf = Layer.succeed(ParakeetClient, {
  model: "deaf-1",
  language: () => "en-US",
  abilities: { streams: false, times: false, words: false, speakers: false, translates: false },
  transcribe: () => Stream.succeed({ startMs: 0, endMs: 1_000, text: "I beg your pardon?" }),
  ready: Effect.void,
})

/** The gateway as it always is, on a free port, but for who listens. */
export const gateway = (dataDir: string) =>
  server.pipe(
    Layer.provideMerge(layerNode),
    Layer.provide(services),
    Layer.provide([magpie, Deaf]),
    Layer.provide(Settings.layerTest({ dataDir, port: "0" })),
    Layer.provideMerge(NodeServices.layer),
  )

export const listen = (audio: Uint8Array<ArrayBuffer>) =>
  Effect.gen(function* () {
    const url = yield* address
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new Blob([audio]), "speech.wav")
    const response = yield* Effect.promise(() =>
      fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form }),
    )
    return (yield* Effect.promise(() => response.json())) as { readonly text: string }
  })
