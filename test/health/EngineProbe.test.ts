import { NodeServices } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { parseWav } from "../../src/audio/Wav.ts"
import { recordingSampleRate, type Recording } from "../../src/audio/Recording.ts"
import { EngineProbe } from "../../src/health/EngineProbe.ts"
import { Settings } from "../../src/Settings.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineLoading, EngineRejected, EngineUnreachable } from "../../src/upstream/EngineFailure.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import type { Utterance } from "../../src/upstream/Utterance.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { cublasError } from "../support/sickEngine.ts"
import { oneOfEach } from "../support/fleet.ts"
import { oneSegment } from "../support/heard.ts"

const probing = (
  engines: {
    readonly magpie?: Partial<MagpieClient["Service"]>
    readonly parakeet?: Partial<ParakeetClient["Service"]>
  } = {},
) =>
  Effect.provide(
    EngineProbe.layer.pipe(
      Layer.provide([
        oneOfEach(engines).pipe(Layer.provide(Settings.layerTest())),
        Settings.layerTest(),
        NodeServices.layer,
      ]),
    ),
  )

const listen = Effect.flatMap(EngineProbe, ({ attempt }) => attempt("parakeet"))
const speak = Effect.flatMap(EngineProbe, ({ attempt }) => attempt("magpie"))
const hears = (text: string) => ({ transcribe: () => Stream.succeed(oneSegment(text)) })
const fails = (reason: EngineError["reason"]) => ({
  transcribe: () => Stream.fail(new EngineError({ engine: "parakeet", reason })),
})

it.effect("Parakeet gets the bundled clip, a whole recording", () =>
  Effect.gen(function* () {
    let given: Recording | undefined
    const transcribe = (recording: Recording) => Stream.sync(() => ((given = recording), oneSegment("")))
    yield* listen.pipe(probing({ parakeet: { transcribe } }))
    const bytes = yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFile(given!.path))
    const wav = parseWav((offset, length) => bytes.slice(offset, offset + length))
    assert.strictEqual(wav._tag, "Success")
    assert.strictEqual(given!.samples * 2 + 44, bytes.length)
    assert.approximately(given!.samples / recordingSampleRate, 3.3, 0.05)
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.effect("most of the words must be heard", () =>
  Effect.gen(function* () {
    const result = (text: string) =>
      Effect.map(listen.pipe(probing({ parakeet: hears(text) })), (attempt) => attempt.result)
    assert.strictEqual(yield* result("he might even have been made amiable himself"), "passed")
    assert.strictEqual(yield* result("He might even have been made a Mia ball, himself!"), "passed")
    assert.strictEqual(yield* result(""), "wrong")
    assert.strictEqual(yield* result("the the the the the the the the"), "wrong")
  }),
)

it.effect("a failure is told by what it says", () =>
  Effect.gen(function* () {
    const result = (reason: EngineError["reason"]) =>
      Effect.map(listen.pipe(probing({ parakeet: fails(reason) })), (attempt) => attempt.result)
    assert.strictEqual(yield* result(cublasError), "certain")
    assert.strictEqual(
      yield* result(new EngineRejected({ status: 500, message: "transcription failed", body: "" })),
      "failed",
    )
    assert.strictEqual(
      yield* result(new EngineRejected({ status: 500, message: "CUDA out of memory", body: "" })),
      "unclear",
    )
    assert.strictEqual(yield* result(new EngineRejected({ status: 401, message: "no", body: "" })), "unclear")
    assert.strictEqual(yield* result(new EngineLoading({ message: "" })), "loading")
    assert.strictEqual(yield* result(new EngineUnreachable({ message: "" })), "unreachable")
  }),
)

it.effect("a hang and a defect end as attempts too", () =>
  Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const hang = Effect.andThen(Deferred.succeed(begun, undefined), Effect.never)
    const hanging = yield* Effect.forkChild(
      listen.pipe(probing({ parakeet: { transcribe: () => Stream.fromEffect(hang) } })),
    )
    // The clip is found on the real disk first.
    yield* Deferred.await(begun)
    yield* TestClock.adjust("30 seconds")
    assert.strictEqual((yield* Fiber.join(hanging)).result, "failed")
    assert.strictEqual(
      (yield* listen.pipe(probing({ parakeet: { transcribe: () => Stream.die("a bug") } }))).result,
      "unclear",
    )
  }),
)

it.effect("Magpie speaks with an English voice of its own list, and the audio must be plausible", () =>
  Effect.gen(function* () {
    const asked: Array<Utterance> = []
    const pcm = (seconds: number, level: number) => ({
      voices: Effect.succeed(["Magpie-Multilingual.FR-FR.Pascal", "Magpie-Multilingual.EN-US.Mia.Calm"]),
      synthesize: (utterance: Utterance) => {
        asked.push(utterance)
        return Stream.fromIterable(
          Array.from({ length: seconds * 10 }, () => ({ sampleRate: 1_000, samples: new Int16Array(100).fill(level) })),
        )
      },
    })
    const result = (magpie: Partial<MagpieClient["Service"]>) =>
      Effect.map(speak.pipe(probing({ magpie })), (attempt) => attempt.result)
    assert.strictEqual(yield* result(pcm(3, -4_000)), "passed")
    assert.deepInclude(asked[0], { voice: "Magpie-Multilingual.EN-US.Mia.Calm", language: "en-US", speed: 1 })
    assert.strictEqual(yield* result(pcm(3, 5)), "wrong")
    assert.strictEqual(yield* result(pcm(0.5, 4_000)), "wrong")
    assert.strictEqual(yield* result(pcm(0, 0)), "wrong")
    assert.strictEqual(yield* result({ voices: Effect.succeed([]) }), "unclear")
    assert.strictEqual(
      yield* result({
        voices: Effect.fail(new EngineError({ engine: "magpie", reason: new EngineUnreachable({ message: "" }) })),
      }),
      "unreachable",
    )
    assert.strictEqual(
      yield* result({ synthesize: () => Stream.fail(new EngineError({ engine: "magpie", reason: cublasError })) }),
      "certain",
    )
  }),
)
