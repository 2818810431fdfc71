/**
 * No blocking call on the event loop: engines, decoders and fsync run elsewhere, so the listings stay quick while
 * everything else is busy. Shown by order, not by a clock: all of many small requests are answered before the large ones
 * that were there first. `test/scripts/loopDelay.ts` has the figures.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import { postSpeech, startAviary } from "../support/aviary.ts"

const hear = (url: string, clip: Uint8Array<ArrayBuffer>) => {
  const form = new FormData()
  form.set("model", "whisper-1")
  form.set("file", new Blob([clip]), "clip.wav")
  return Effect.promise(async () =>
    (await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })).json(),
  )
}

layer(NodeServices.layer, { excludeTestServices: true })("LoopStaysFree", (it) => {
  it.effect("listings are answered while engines inside the process speak and listen", () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(undefined)
      const clip = new Uint8Array(
        yield* Effect.promise(() =>
          readFile(new URL("../support/audio/sense-and-sensibility-0870.wav", import.meta.url)),
        ),
      )
      const order: Array<string> = []
      const done = (what: string) => Effect.sync(() => order.push(what))
      const speak = (i: number) =>
        postSpeech(url, { input: `Speech ${i}. `.concat("The loop stays free while others speak. ".repeat(15)) }).pipe(
          Effect.flatMap((response) => Effect.promise(() => response.arrayBuffer())),
          Effect.andThen(done("large")),
        )
      const list = Effect.promise(async () => (await fetch(`${url}/v1/models`)).json()).pipe(
        Effect.andThen(done("small")),
      )
      const large = Array.from({ length: 8 }, (_, i) => [speak(i), Effect.andThen(hear(url, clip), done("large"))])
      yield* Effect.all([...large.flat(), Effect.repeat(list, { times: 19 })], { concurrency: "unbounded" })
      expect(order.filter((what) => what === "small")).toHaveLength(20)
      const lastSmall = order.lastIndexOf("small")
      expect(order.slice(lastSmall).filter((what) => what === "large").length).toBeGreaterThan(8)
    }),
  )
})
