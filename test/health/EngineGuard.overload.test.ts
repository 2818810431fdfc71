import { noSounds } from "../../src/audio/Sounds.ts"
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Encoders } from "../../src/audio/Encoders.ts"
import type { Pcm } from "../../src/audio/Pcm.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import type { Plan } from "../../src/speech/Plan.ts"
import { synthesize } from "../../src/speech/Synthesis.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { type EngineFailure, EngineRejected } from "../../src/upstream/EngineFailure.ts"
import type { Utterance } from "../../src/upstream/Utterance.ts"
import { healthRoom, SickEngine } from "../support/sickEngine.ts"

const rate = 8_000
const plan: Plan = {
  text: "First sentence is here. Second sentence is here. Third sentence is here. Fourth sentence is here.",
  sounds: noSounds,
  rewritten: undefined,
  characters: 97,
  voice: "Test.EN-US.Tone",
  language: "en-US",
  speed: 1,
  format: "pcm",
  sampleRate: rate,
  model: "test",
}
const second: Pcm = { sampleRate: rate, samples: new Int16Array(rate).fill(1_000) }

const here = Effect.runSync(Effect.provide(Encoders, Encoders.layerHere))

/** Two seconds of audio, the first at once, the second when the call ends. */
const call = (seconds: number) =>
  Stream.concat(Stream.succeed(second), Stream.fromEffect(Effect.as(Effect.sleep(`${seconds} seconds`), second)))

/** How a speech ended: `whole`, `refused` before its first audio, or `broken off` after it. */
const speak = (guard: EngineGuard["Service"], seconds: number) => {
  let sounded = false
  const magpie = {
    maxCharacters: 30,
    supportsSpeed: true,
    synthesize: (_: Utterance, begun: boolean) => guard.stream("magpie", () => call(seconds), { begun }),
  }
  return synthesize(plan, magpie, here).bytes.pipe(
    Stream.runForEach(() => Effect.sync(() => void (sounded = true))),
    Effect.exit,
    Effect.map((exit) => (Exit.isSuccess(exit) ? "whole" : sounded ? "broken off" : "refused")),
  )
}

it.effect("under overload every speech is whole or refused before its first audio", () =>
  Effect.gen(function* () {
    const guard = yield* EngineGuard
    const speeches: Array<Fiber.Fiber<string>> = []
    // Four calls of 20 seconds each, every 5 seconds, for an engine that does two at once.
    for (let n = 0; n < 60; n++) {
      speeches.push(yield* Effect.forkChild(speak(guard, 20)))
      yield* TestClock.adjust("5 seconds")
    }
    yield* Effect.forEach(Array.from({ length: 60 }), () => TestClock.adjust("10 seconds"))
    const ends = yield* Effect.forEach(speeches, Fiber.join)
    const count = (end: string) => ends.filter((one) => one === end).length
    assert.strictEqual(count("broken off"), 0)
    assert.isAtLeast(count("whole"), 6)
    assert.isAtLeast(count("refused"), 30)
  }).pipe(
    Effect.provide(healthRoom(new SickEngine(), { settings: { magpieConcurrency: "2" } })),
    Effect.provide(Logger.layer([])),
  ),
)

it.effect("a speech whose own calls take longer than the queue's wait is not broken off by itself", () =>
  Effect.gen(function* () {
    const guard = yield* EngineGuard
    const speech = yield* Effect.forkChild(speak(guard, 100))
    yield* Effect.forEach(Array.from({ length: 50 }), () => TestClock.adjust("10 seconds"))
    assert.strictEqual(yield* Fiber.join(speech), "whole")
  }).pipe(
    Effect.provide(healthRoom(new SickEngine(), { settings: { magpieConcurrency: "1", queueWait: "60 seconds" } })),
    Effect.provide(Logger.layer([])),
  ),
)

const busyFor = (calls: number, reason: EngineFailure) => {
  let asked = 0
  return Stream.suspend(() =>
    asked++ < calls ? Stream.fail(new EngineError({ engine: "magpie", reason })) : Stream.succeed(second),
  )
}
const tooBusy = new EngineRejected({ status: 429, message: "too many requests", body: "" })

it.effect("an engine that is too busy is asked again for the rest of a begun answer, and for nothing else", () =>
  Effect.gen(function* () {
    const guard = yield* EngineGuard
    const ended = Effect.fnUntraced(function* (begun: boolean, reason: EngineFailure, calls = 3) {
      const run = Effect.exit(Stream.runDrain(guard.stream("magpie", () => busyFor(calls, reason), { begun })))
      const fiber = yield* Effect.forkChild(run)
      yield* Effect.forEach(Array.from({ length: 100 }), () => TestClock.adjust("1 second"))
      return (yield* Fiber.join(fiber))._tag
    })
    assert.strictEqual(yield* ended(true, tooBusy), "Success")
    assert.strictEqual(yield* ended(false, tooBusy), "Failure")
    assert.strictEqual(yield* ended(true, new EngineRejected({ status: 400, message: "no", body: "" })), "Failure")
    assert.strictEqual(yield* ended(true, tooBusy, 1_000), "Failure")
  }).pipe(Effect.provide(healthRoom(new SickEngine())), Effect.provide(Logger.layer([]))),
)
