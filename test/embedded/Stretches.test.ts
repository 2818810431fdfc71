import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { createRequire } from "node:module"
import { type Stretch, openRecording, readSamples, stretches } from "../../src/embedded/Stretches.ts"
import { humanSpeech } from "../support/humanSpeech.ts"

const addon = createRequire(import.meta.url)("sherpa-onnx-node") as {
  Vad: new (...args: ReadonlyArray<never>) => object
}

/** Where speech is found in a clip, or the first of it. */
const search = Effect.fnUntraced(function* (clip: number, take: number = Number.POSITIVE_INFINITY) {
  const { path, samples } = humanSpeech[clip]!.recording
  const file = yield* Effect.acquireRelease(
    Effect.promise(() => openRecording(path)),
    (opened) => Effect.promise(() => opened.close()),
  )
  const read = (from: number, to: number) => Stream.fromEffect(Effect.promise(() => readSamples(file, from, to)))
  const found: ReadonlyArray<Stretch> = yield* stretches(read, samples).pipe(Stream.take(take), Stream.runCollect)
  return found
}, Effect.scoped)

it.effect("recordings are searched one after the other by one model, which remembers nothing of those before", () =>
  Effect.gen(function* () {
    let made = 0
    const { Vad } = addon
    addon.Vad = class extends Vad {
      constructor(...args: ReadonlyArray<never>) {
        super(...args)
        made += 1
      }
    }
    const fresh = yield* search(1)
    expect(fresh.length).toBeGreaterThan(0)
    const whole = yield* search(0)
    // Left in the middle of a recording.
    expect(yield* search(0, 1)).toEqual(whole.slice(0, 1))
    expect(yield* search(1)).toEqual(fresh)
    expect(made).toBe(1)
    yield* Effect.all([search(0), search(1)], { concurrency: 2 })
    expect(made).toBe(2)
    addon.Vad = Vad
  }),
)
