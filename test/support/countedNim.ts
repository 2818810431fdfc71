import { Effect, Layer, Stream } from "effect"
import { NimEngines } from "../../src/nim/NimEngines.ts"
import type { NimOptions } from "../../src/nim/NimRoutes.ts"
import { fakeEngines, NimTest } from "./nim.ts"

/**
 * A fake NIM that counts how often it was asked to say each text; probes, which say one of their own, are counted apart.
 *
 * @param begin what the engine waits for before every speech, and `hold` after its first tenth of a second
 */
export const countedNim = Effect.fnUntraced(function* (
  options: Partial<NimOptions> & {
    readonly begin?: (text: string) => Effect.Effect<void>
    readonly hold?: (text: string) => Effect.Effect<void>
  } = {},
) {
  const { begin = () => Effect.void, hold = () => Effect.void, ...rest } = options
  const calls = new Map<string, number>()
  const counted = Layer.effect(
    NimEngines,
    Effect.map(NimEngines, (engines) => ({
      ...engines,
      synthesize: (asked) =>
        Stream.suspend(() => {
          calls.set(asked.text, (calls.get(asked.text) ?? 0) + 1)
          let chunks = 0
          const said = Stream.tap(engines.synthesize(asked), () => (++chunks === 3 ? hold(asked.text) : Effect.void))
          return Stream.unwrap(Effect.as(begin(asked.text), said))
        }),
    })),
  ).pipe(Layer.provide(fakeEngines))
  const nim = yield* Effect.flatMap(Layer.build(NimTest.layerWith(counted, rest)), (context) =>
    Effect.provide(NimTest, context),
  )
  return { ...nim, callsOf: (text: string) => calls.get(text) ?? 0, texts: calls }
})
