/**
 * How long after the engine's first chunk the client has its first byte, with an engine that speaks no faster than it is
 * heard: 20 texts of about 30 seconds, one after the other, each left after its first byte. Prints milliseconds.
 *
 *     node test/scripts/firstAudio.ts
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { startAviary } from "../support/aviary.ts"
import { NimTest } from "../support/nim.ts"

const text = "Thirty seconds of speech are four hundred and fifty letters or so. ".repeat(7)

const measure = Effect.gen(function* () {
  const nim = yield* NimTest
  const { url } = yield* startAviary(nim, { logLevel: "error" })
  for (const format of ["mp3", "wav", "pcm"]) {
    const delays: Array<number> = []
    for (let i = 0; i < 20; i++) {
      const abort = new AbortController()
      const arrived = yield* Effect.promise(async () => {
        const response = await fetch(`${url}/v1/audio/speech`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "tts-1", voice: "alloy", input: `${i}. ${text}`, response_format: format }),
          signal: abort.signal,
        })
        await response.body!.getReader().read()
        return Date.now()
      })
      delays.push(arrived - ((yield* nim.calls).lastFirstByteAt ?? Number.NaN))
      abort.abort()
    }
    delays.sort((a, b) => a - b)
    console.log(`${format}  first byte after the engine's first chunk: median ${delays[10]} ms, max ${delays[19]} ms`)
  }
})

await Effect.runPromise(
  Effect.scoped(measure).pipe(Effect.provide(Layer.provideMerge(NimTest.layerRealTime, NodeServices.layer))),
)
