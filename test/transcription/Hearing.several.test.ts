import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Stream } from "effect"
import { SpeechFinder } from "../../src/embedded/SpeechFinder.ts"
import { WordAligner } from "../../src/embedded/WordAligner.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { Fleet } from "../../src/health/Fleet.ts"
import { Scratch } from "../../src/scratch/Scratch.ts"
import { Settings } from "../../src/Settings.ts"
import { ableTo, commonAbilities, makeHearing } from "../../src/transcription/Hearing.ts"
import { type Listening, textAlone } from "../../src/upstream/Listening.ts"
import { fleetOf } from "../support/fleet.ts"
import { oneSegment } from "../support/heard.ts"
import { recordingOf } from "../support/recordings.ts"

const says = (text: string) => ({ transcribe: () => Stream.succeed(oneSegment(text)) })

/** One that writes down what it hears, and one that does all there is. */
const two = fleetOf([
  { ...says("plain"), abilities: { ...textAlone, times: true } },
  { ...says("able"), abilities: { streams: true, times: true, words: true, speakers: true, translates: true } },
])

const settings = Layer.unwrap(
  Effect.map(
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped()),
    (dataDir) => Settings.layerTest({ dataDir }),
  ),
)

const world = Layer.mergeAll(
  SpeechFinder.layerTest(() => Stream.empty),
  WordAligner.layerTest(),
  EngineGuard.layerOpen,
).pipe(
  Layer.provideMerge(two),
  Layer.provideMerge(Scratch.layer),
  Layer.provideMerge(settings),
  Layer.provideMerge(NodeServices.layer),
)

it.live("what only some of several engines can do is asked of those, and all else of any", () =>
  Effect.gen(function* () {
    const recording = yield* recordingOf([new Int16Array(16_000)])
    const hearing = yield* makeHearing
    const heard = (asked: Listening) =>
      Effect.map(Stream.runCollect(hearing({ ...recording, sha256: "0" }, asked).segments), (segments) =>
        Array.from(segments, ({ text }) => text).join(" "),
      )
    expect(yield* heard({})).toBe("plain")
    expect(yield* heard({ translate: true })).toBe("able")
    expect(yield* heard({ speakers: true })).toBe("able")
    expect(yield* heard({ words: true, language: "en" })).toBe("plain")
  }).pipe(Effect.scoped, Effect.provide(world)),
)

it.effect("where they differ, only what all can do is counted on", () =>
  Effect.gen(function* () {
    const fleet = yield* Fleet
    expect(commonAbilities(fleet)).toEqual({ ...textAlone, times: true })
    expect(ableTo({}, fleet.of("parakeet"))).toBe(undefined)
    expect(ableTo({ translate: true }, fleet.of("parakeet"))).toEqual(new Set(["parakeet-2"]))
  }).pipe(Effect.provide(two), Effect.provide(Settings.layerTest())),
)
