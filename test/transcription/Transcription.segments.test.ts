import { NodeServices } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Layer, Scope, Stream } from "effect"
import { AudioDecoder } from "../../src/audio/AudioDecoder.ts"
import { type Segment, textOf } from "../../src/audio/Segment.ts"
import { Billing } from "../../src/billing/Billing.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import { Payer } from "../../src/billing/Payer.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { Scratch } from "../../src/scratch/Scratch.ts"
import { Settings } from "../../src/Settings.ts"
import { Transcription } from "../../src/transcription/Transcription.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineCut } from "../../src/upstream/EngineFailure.ts"
import { oneOfEach } from "../support/fleet.ts"

const segments: ReadonlyArray<Segment> = [
  { startMs: 0, endMs: 1_000, text: "The birds", words: [{ word: "birds", startMs: 500, endMs: 1_000 }] },
  { startMs: 1_000, endMs: 2_000, text: " are back." },
]

/** Ten seconds of recording, and whether it is still there. */
const recordings = { open: 0 }
const decoder = Layer.succeed(AudioDecoder, {
  maxSeconds: () => 7_200,
  decode: (path) =>
    Effect.acquireRelease(
      Effect.sync(() => (recordings.open++, { path, samples: 160_000, sha256: "0".repeat(64) })),
      () => Effect.sync(() => void recordings.open--),
    ),
})

const hearing = (heard: Stream.Stream<Segment, EngineError>) =>
  Effect.provide(
    Transcription.layer.pipe(
      Layer.provide([decoder, EngineGuard.layerOpen]),
      Layer.provide(oneOfEach({ parakeet: { transcribe: () => heard } })),
      Layer.provideMerge(Billing.layer),
      Layer.provide(Scratch.layer),
      Layer.provide(SqliteLedger.layerMemory),
      Layer.provide(Settings.layerTest()),
      Layer.provide(NodeServices.layer),
    ),
  )
const transcribe = Effect.flatMap(Transcription, (service) => service.transcribe({ path: "any", model: "whisper-1" }))
const broken = Stream.fail(new EngineError({ engine: "parakeet", reason: new EngineCut({ message: "cut" }) }))

it.live("a transcription is there with its first segment, while the engine still works on the next", () =>
  Effect.gen(function* () {
    const more = yield* Deferred.make<void>()
    const heard = Stream.concat(
      Stream.succeed(segments[0]!),
      Stream.fromEffect(Effect.as(Deferred.await(more), segments[1]!)),
    )
    yield* Effect.gen(function* () {
      const transcribed = yield* transcribe
      expect([transcribed.language, transcribed.durationSeconds]).toEqual(["en-US", 10])
      const first = yield* Stream.runHead(transcribed.segments)
      expect(first).toMatchObject({ value: segments[0] })
      yield* Deferred.succeed(more, undefined)
      expect(yield* Stream.runCollect(transcribed.segments)).toEqual([segments[1]])
    }).pipe(Effect.scoped, hearing(heard))
  }),
)

it.live("the engine is done with a recording however slowly its text is read, and so is the disk", () =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<void>()
    const heard = Stream.fromIterable(segments).pipe(
      Stream.rechunk(1),
      Stream.ensuring(Deferred.succeed(ended, undefined)),
    )
    yield* Effect.gen(function* () {
      const transcribed = yield* transcribe
      yield* Deferred.await(ended)
      yield* Effect.eventually(Effect.suspend(() => (recordings.open === 0 ? Effect.void : Effect.fail("open"))))
      expect(yield* Stream.runCollect(transcribed.segments)).toEqual(segments)
    }).pipe(Effect.scoped, hearing(heard))
  }),
)

it.live("who leaves ends the engine's call, and leaves no recording", () =>
  Effect.gen(function* () {
    let interrupted = false
    const heard = Stream.concat(
      Stream.succeed(segments[0]!),
      Stream.fromEffect(Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))),
    )
    yield* Effect.gen(function* () {
      const client = yield* Scope.make()
      yield* Scope.provide(transcribe, client)
      expect(recordings.open).toBe(1)
      yield* Scope.close(client, Exit.void)
      expect([interrupted, recordings.open]).toEqual([true, 0])
    }).pipe(hearing(heard))
  }),
)

it.live("what fails before its first segment fails at once, later its segments do; nothing is charged", () =>
  Effect.gen(function* () {
    yield* Effect.gen(function* () {
      expect(yield* Effect.flip(Effect.scoped(transcribe))).toMatchObject({ _tag: "EngineError" })
    }).pipe(hearing(broken))
    yield* Effect.gen(function* () {
      const failure = yield* Effect.scoped(
        Effect.gen(function* () {
          const transcribed = yield* transcribe
          return yield* Effect.flip(Stream.runCollect(transcribed.segments))
        }),
      )
      expect(failure).toMatchObject({ _tag: "EngineError" })
      expect(yield* (yield* Billing).statement({ accountId: "anonymous", before: null, limit: 10 })).toEqual([])
    }).pipe(hearing(Stream.concat(Stream.succeed(segments[0]!), broken)))
    expect(recordings.open).toBe(0)
  }),
)

it.live("asked again under one key, the same segments are there without the engine", () =>
  Effect.gen(function* () {
    let calls = 0
    const heard = Stream.suspend(() => (calls++, Stream.fromIterable(segments)))
    yield* Effect.gen(function* () {
      const once = Effect.gen(function* () {
        const transcribed = yield* transcribe
        const all = yield* Stream.runCollect(transcribed.segments)
        yield* transcribed.settle
        yield* transcribed.delivered("all")
        return all
      }).pipe(
        Effect.scoped,
        Effect.provideService(Payer, {
          accountId: "anonymous",
          keyId: null,
          idempotency: { key: "once", fingerprint: "the same" },
        }),
      )
      expect(yield* once).toEqual(segments)
      expect(yield* once).toEqual(segments)
      expect([calls, recordings.open]).toEqual([1, 0])
      expect(textOf(segments)).toBe("The birds are back.")
    }).pipe(hearing(heard))
  }),
)
