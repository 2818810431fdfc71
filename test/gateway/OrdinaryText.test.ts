/**
 * Whatever people, programs and language models write is spoken whole, is a short silence, or is refused before the first
 * byte with the reason. None of it is broken off after the client was told 200: a text that is broken off once is broken
 * off every time, and its client asks for it again and again.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import { NimEngines } from "../../src/nim/NimEngines.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { fakeEngines, NimTest } from "../support/nim.ts"
import { ordinaryTexts } from "../support/ordinaryTexts.ts"

/** A NIM that says Latin letters and digits and passes over the rest, and nothing more than twice in a row. */
const terse = Layer.effect(
  NimEngines,
  Effect.map(NimEngines, (engines) => ({
    ...engines,
    synthesize: (asked) =>
      engines.synthesize({ ...asked, text: asked.text.replaceAll(/[^a-z0-9]/gi, "").replace(/(.+?)\1{2,}/gi, "$1$1") }),
  })),
).pipe(Layer.provide(fakeEngines))

/** A NIM that takes a whole second to read out each character that is no letter. */
const talkative = Layer.effect(
  NimEngines,
  Effect.map(NimEngines, (engines) => ({
    ...engines,
    synthesize: (asked) => engines.synthesize({ ...asked, text: asked.text.replaceAll(/[^a-z ]/gi, "fourteen tones") }),
  })),
).pipe(Layer.provide(fakeEngines))

class Gateway extends Context.Service<Gateway, { readonly url: string }>()("aviary/test/Gateway") {
  static readonly embedded = Layer.effect(Gateway, startAviary(undefined))
  static readonly over = (engines: Layer.Layer<NimEngines>) =>
    Layer.effect(Gateway, Effect.flatMap(NimTest, startAviary)).pipe(Layer.provide(NimTest.layerWith(engines)))
}

/** Texts that were once broken off or refused though they can be spoken. */
const once = JSON.parse(
  readFileSync(new URL("../support/texts.json", import.meta.url), "utf8"),
) as ReadonlyArray<string>

/** What became of a speech: how many seconds were heard, or the code of its refusal. Fails where it is broken off. */
const hear = Effect.fnUntraced(function* (input: string, asked: Record<string, unknown> = {}) {
  const { url } = yield* Gateway
  const response = yield* postSpeech(url, { input, response_format: "pcm", ...asked })
  const what = `${JSON.stringify(input)} ${JSON.stringify(asked)}`
  if (response.status !== 200) {
    const { error } = (yield* Effect.promise(() => response.json())) as {
      readonly error: { readonly code: string; readonly message: string }
    }
    return { what, seconds: 0, refused: error.code, message: error.message }
  }
  const body = yield* Effect.promise(() => response.arrayBuffer()).pipe(
    Effect.catchDefect((cause) => Effect.die(`broken off after the 200: ${what}: ${String(cause)}`)),
  )
  return { what, seconds: body.byteLength / 48_000, refused: undefined, message: "" }
})

it.live.each([
  ["passes over what it does not know", terse],
  ["reads everything out", talkative],
] as const)("a NIM that %s: no text is broken off", ([, engines]) =>
  Effect.gen(function* () {
    for (const text of [...once, ...ordinaryTexts(4, 25)]) {
      const { refused, seconds, what } = yield* hear(text)
      if (refused === undefined) expect(seconds, what).toBeGreaterThan(0)
      else expect(refused, what).toBe("unspeakable_text")
    }
  }).pipe(Effect.provide(Gateway.over(engines)), Effect.provide(NodeServices.layer)),
)

layer(Layer.provideMerge(Gateway.embedded, NodeServices.layer), { excludeTestServices: true, timeout: 60_000 })(
  "OrdinaryText",
  (it) => {
    it.effect("each text that was once broken off is spoken whole, is a silence, or is refused with the reason", () =>
      Effect.gen(function* () {
        const heard = yield* Effect.forEach(once, (text) => hear(text))
        const told = new Map(once.map((text, index) => [text, heard[index]!]))
        for (const symbols of ["→", "|---|---|---|", "~~~"]) expect(told.get(symbols)!.seconds).toBe(0.25)
        for (const { message, refused, what } of heard.filter(({ refused }) => refused !== undefined)) {
          expect(refused, what).toBe("unspeakable_text")
          expect(message).toContain("speaks en-US and cannot say this text")
        }
        expect(heard.filter(({ refused }) => refused !== undefined)).toHaveLength(2)
        expect(heard.every(({ refused, seconds }) => refused !== undefined || seconds >= 0.25)).toBe(true)
      }),
    )

    it.effect("symbols alone are a silence, as '.' is", () =>
      Effect.gen(function* () {
        for (const text of [".", "€", "%", "+", "😀", "====================", "* * *", "—", "©™"]) {
          expect((yield* hear(text)).seconds, text).toBe(0.25)
        }
      }),
    )

    it.effect("a long text is spoken past a stretch that the voice cannot read", () =>
      Effect.gen(function* () {
        // More than one engine call's worth of each: the last call has nothing but Russian.
        const english = "The birds are singing in the old garden. ".repeat(51)
        const russian = "Доброе утро, дамы и господа. ".repeat(68)
        const { refused, seconds } = yield* hear(`${english}${russian}`, { speed: 4 })
        expect(refused).toBeUndefined()
        expect(seconds).toBeGreaterThan(20)
      }),
    )

    it.effect("a text of another script is refused before its first byte, with what to change", () =>
      Effect.gen(function* () {
        const { message, refused } = yield* hear("今天的天气非常好，我们一起去公园散步吧。")
        expect(refused).toBe("unspeakable_text")
        expect(message).toContain("GET /v1/audio/voices")
      }),
    )

    it.effect(
      "eighty texts of every kind, by every voice and at every speed: none is broken off",
      () =>
        Effect.gen(function* () {
          const voices = ["slt", "rms", "awb", "kal"]
          // Mostly fast, since a text that is broken off at one speed is at every other, and fast ones are sooner made.
          const speeds = [1, 4, 2, 4, 4, 0.5, 4]
          const texts = ordinaryTexts(18, 80)
          const heard = yield* Effect.forEach(
            texts,
            (text, index) => hear(text, { voice: voices[index % 4], speed: speeds[index % 7] }),
            { concurrency: 4 },
          )
          for (const { refused, seconds, what } of heard) {
            if (refused === undefined) expect(seconds, what).toBeGreaterThan(0)
            else expect(refused, what).toBe("unspeakable_text")
          }
          expect(heard.filter(({ refused }) => refused === undefined).length).toBeGreaterThan(60)
        }),
      120_000,
    )
  },
)
