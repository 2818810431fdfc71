import { expect, it } from "@effect/vitest"
import { Effect, Layer, Ref } from "effect"
import { TestClock } from "effect/testing"
import { VoiceList } from "../../src/speech/VoiceList.ts"
import { EngineUnreachable } from "../../src/upstream/EngineFailure.ts"
import { MagpieClient, MagpieError } from "../../src/upstream/MagpieClient.ts"

const down = new MagpieError({ reason: new EngineUnreachable({ message: "refused" }) })

/** An engine that answers with what is in the ref, and counts. */
const listing = Effect.fnUntraced(function* (first: ReadonlyArray<string> | undefined) {
  const listed = yield* Ref.make(first)
  const asked = yield* Ref.make(0)
  const voices = Ref.update(asked, (n) => n + 1).pipe(
    Effect.andThen(Ref.get(listed)),
    Effect.flatMap((ids) => (ids === undefined ? Effect.fail(down) : Effect.succeed(ids))),
  )
  const context = yield* Layer.build(VoiceList.layer.pipe(Layer.provide(MagpieClient.layerTest({ voices }))))
  const list = yield* Effect.provide(VoiceList, context)
  return { ...list, asked, listed }
})

it.effect("asks once a minute, and once a second while the engine is down", () =>
  Effect.gen(function* () {
    const { voices, asked, listed } = yield* listing(["A"])
    yield* voices
    yield* TestClock.adjust("59 seconds")
    yield* voices
    expect(yield* Ref.get(asked)).toBe(1)
    yield* Ref.set(listed, undefined)
    yield* TestClock.adjust("2 seconds")
    yield* Effect.flip(voices)
    yield* Effect.flip(voices)
    expect(yield* Ref.get(asked)).toBe(2)
    yield* Ref.set(listed, ["B"])
    yield* TestClock.adjust("2 seconds")
    expect(yield* voices).toEqual(["B"])
  }),
)

it.effect("remembers what was listed last while the engine is down, for what is in the cache", () =>
  Effect.gen(function* () {
    const { known, voices, listed } = yield* listing(undefined)
    expect(yield* Effect.flip(known)).toBe(down)
    yield* Ref.set(listed, ["A"])
    yield* TestClock.adjust("2 seconds")
    expect(yield* known).toEqual(["A"])
    yield* Ref.set(listed, undefined)
    yield* TestClock.adjust("2 minutes")
    expect(yield* Effect.flip(voices)).toBe(down)
    expect(yield* known).toEqual(["A"])
  }),
)
