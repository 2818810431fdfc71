/**
 * `speed` works with every engine: one that speaks at one speed has its audio stretched while it comes. The speech is as long as asked, its
 * pitch is the voice's own, and the verdict is on what the engine made.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { NimTest } from "../support/nim.ts"
import { pitchChange } from "../support/pitch.ts"

const input = "The birds are singing in the old garden, and every morning they begin before the sun is up."
const speeds = [0.25, 0.5, 0.75, 1.25, 1.5, 2, 3, 4]

class Gateway extends Context.Service<Gateway, { readonly url: string }>()("aviary/test/EverySpeed") {}

const speak = Effect.fnUntraced(function* (speed: number | string, asked: Record<string, unknown> = {}) {
  const { url } = yield* Gateway
  const response = yield* postSpeech(url, { input, speed, response_format: "pcm", ...asked })
  expect(response.status).toBe(200)
  const bytes = yield* Effect.promise(() => response.arrayBuffer())
  return new Int16Array(bytes)
})

layer(Layer.effect(Gateway, startAviary(undefined)).pipe(Layer.provideMerge(NodeServices.layer)), {
  excludeTestServices: true,
  timeout: "4 minutes",
})("EverySpeed of the voice inside", (it) => {
  it.effect.each(speeds)("%d: as long as asked to within 3 %, with its pitch to within 2 %", (speed) =>
    Effect.gen(function* () {
      const own = yield* speak(1)
      const made = yield* speak(speed)
      expect(Math.abs((made.length * speed) / own.length - 1)).toBeLessThan(0.03)
      expect(Math.abs(pitchChange(own, made, 24_000) - 1)).toBeLessThan(0.02)
    }),
  )

  it.effect("a speed that is written as a text is the same speech", () =>
    Effect.gen(function* () {
      expect(yield* speak("1.5")).toEqual(yield* speak(1.5))
    }),
  )
})

const overNim = Layer.effect(Gateway, Effect.flatMap(NimTest, startAviary)).pipe(Layer.provideMerge(NimTest.layer))

layer(overNim.pipe(Layer.provideMerge(NodeServices.layer)), { excludeTestServices: true, timeout: "4 minutes" })(
  "EverySpeed of a NIM",
  (it) => {
    it.effect("half and double: as long as asked, in every format, and each is an entry of its own", () =>
      Effect.gen(function* () {
        const own = yield* speak(1)
        for (const speed of [0.5, 2]) {
          const made = yield* speak(speed)
          expect(Math.abs((made.length * speed) / own.length - 1)).toBeLessThan(0.03)
          const wav = yield* speak(speed, { response_format: "wav" })
          expect(wav.subarray(22)).toEqual(made)
        }
      }),
    )

    it.effect("half a synthesis is not taken for a quick one", () =>
      Effect.gen(function* () {
        const nim = yield* NimTest
        const { url } = yield* Gateway
        yield* nim.setFaults([{ kind: "shorten", afterBytes: Math.floor(input.length / 3) * 1_544 * 2 }])
        const response = yield* postSpeech(
          url,
          { input, speed: 3, response_format: "pcm" },
          { headers: { "cache-control": "no-store" } },
        )
        const ended = yield* Effect.promise(() =>
          response.arrayBuffer().then(
            () => "whole",
            () => "broken off",
          ),
        )
        yield* nim.setFaults([])
        expect([response.status, ended]).toEqual([200, "broken off"])
      }),
    )
  },
)
