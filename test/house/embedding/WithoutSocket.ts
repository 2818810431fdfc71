import { NodeHttpServer } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { services } from "@aviary-speech/gateway"
import { makeWebHandler } from "@aviary-speech/gateway/http/Server"
import { Settings } from "@aviary-speech/gateway/Settings"
import { MagpieClient } from "@aviary-speech/gateway/upstream/MagpieClient"
import { ParakeetClient } from "@aviary-speech/gateway/upstream/ParakeetClient"

/** The whole gateway as a function from request to response, over engines of a test's own. */
export const gateway = (dataDir: string) =>
  services.pipe(
    Layer.provideMerge(Layer.merge(MagpieClient.layerTest(), ParakeetClient.layerTest())),
    Layer.provideMerge(Settings.layerTest({ dataDir })),
    Layer.provideMerge(NodeHttpServer.layerHttpServices),
  )

export const speak = Effect.gen(function* () {
  const handle = yield* makeWebHandler
  const request = new Request("http://aviary/v1/audio/speech", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "tts-1", voice: "alloy", input: "Hello.", response_format: "wav" }),
  })
  const response = yield* Effect.promise(() => handle(request))
  return { status: response.status, bytes: yield* Effect.promise(() => response.bytes()) }
})
