import { NodeServices } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Metric, Stream } from "effect"
import { type Recording, recordingSampleRate } from "../../src/audio/Recording.ts"
import { type Segment, textOf, type Word } from "../../src/audio/Segment.ts"
import { SpeechFinder } from "../../src/embedded/SpeechFinder.ts"
import type { Stretch } from "../../src/embedded/Stretches.ts"
import { WordAligner } from "../../src/embedded/WordAligner.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { Scratch } from "../../src/scratch/Scratch.ts"
import { Settings } from "../../src/Settings.ts"
import { emptyTranscripts } from "../../src/telemetry/Metrics.ts"
import { type Asked, makeHearing } from "../../src/transcription/Hearing.ts"
import { type Abilities, type Listening, textAlone } from "../../src/upstream/Listening.ts"
import { makeDice } from "../support/dice.ts"
import { oneOfEach } from "../support/fleet.ts"
import { recordingOf, samplesOf } from "../support/recordings.ts"

const samplesPerMs = recordingSampleRate / 1_000

/** Words are bursts whose level is their number, with silence between: whoever cuts one in two has it heard twice. */
const spoken = (seed: number, seconds: number) => {
  const { below, chance } = makeDice(seed)
  const parts: Array<Int16Array> = []
  const said: Array<string> = []
  for (let ms = 0; ms < seconds * 1_000;) {
    const [word, pause] = [200 + below(400), chance(0.1) ? 300 + below(4_000) : 30 + below(100)]
    said.push(`w${said.length + 1}`)
    parts.push(new Int16Array(word * samplesPerMs).fill(said.length), new Int16Array(pause * samplesPerMs))
    ms += word + pause
  }
  return { parts, said }
}

/** Runs of one level in a recording. */
const bursts = (recording: Recording): ReadonlyArray<Stretch & { readonly level: number }> => {
  const samples = samplesOf(recording)
  const found: Array<{ from: number; to: number; level: number }> = []
  for (const [at, level] of samples.entries()) {
    const last = found.at(-1)
    if (level === 0) continue
    if (last !== undefined && last.to === at && last.level === level) last.to = at + 1
    else found.push({ from: at, to: at + 1, level })
  }
  return found
}

/** What a search for speech finds: bursts less than 250 ms apart are one stretch, of at most 20 seconds. */
const find = (recording: Recording) =>
  Stream.fromIterable(
    bursts(recording).reduce<Array<Stretch>>((found, { from, to }) => {
      const last = found.at(-1)
      if (last !== undefined && from - last.to < 250 * samplesPerMs && to - last.from < 20 * recordingSampleRate) {
        found[found.length - 1] = { from: last.from, to }
      } else {
        found.push({ from, to })
      }
      return found
    }, []),
  )

interface World {
  readonly abilities?: Abilities
  readonly hear?: (recording: Recording, asked: Listening, call: number) => ReadonlyArray<Segment>
  readonly align?: WordAligner["Service"]["align"]
  readonly search?: SpeechFinder["Service"]["find"]
  readonly part?: string
}

const tempDirectory = Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped())

/** The one segment of an engine that answers a text alone. */
const heardWhole = (recording: Recording): ReadonlyArray<Segment> => {
  const text = bursts(recording)
    .map(({ level }) => `w${level}`)
    .join(" ")
  return text === "" ? [] : [{ startMs: 0, endMs: Math.round(recording.samples / samplesPerMs), text }]
}

const hearing = (
  parts: ReadonlyArray<Int16Array>,
  asked: Asked,
  { abilities = textAlone, align, hear = heardWhole, part = "1 hour", search = find }: World = {},
) =>
  Effect.gen(function* () {
    const calls: Array<number> = []
    const transcribe = (recording: Recording, listening: Listening = {}) =>
      Stream.suspend(() => {
        calls.push(recording.samples / recordingSampleRate)
        return Stream.fromIterable(hear(recording, listening, calls.length))
      })
    const world = Layer.mergeAll(
      SpeechFinder.layerTest(search),
      WordAligner.layerTest(align),
      EngineGuard.layerOpen,
    ).pipe(
      Layer.provideMerge(oneOfEach({ parakeet: { abilities, transcribe } })),
      Layer.provideMerge(Scratch.layer),
      Layer.provideMerge(Settings.layerTest({ dataDir: yield* tempDirectory, parakeetPart: part })),
      Layer.provideMerge(NodeServices.layer),
    )
    const recording = yield* recordingOf(parts)
    return yield* Effect.gen(function* () {
      const heard = (yield* makeHearing)({ ...recording, sha256: "0" }, asked)
      const segments = yield* Stream.runCollect(heard.segments)
      return { segments, calls, unheardMs: heard.unheardMs(), totalMs: recording.samples / samplesPerMs }
    }).pipe(Effect.provide(world))
  }).pipe(Effect.provide(NodeServices.layer), Effect.scoped)

const inOrder = (segments: ReadonlyArray<Segment>, totalMs: number) => {
  let earlier = 0
  for (const { endMs, startMs } of segments) {
    expect(startMs).toBeGreaterThanOrEqual(earlier)
    expect(endMs).toBeGreaterThanOrEqual(startMs)
    earlier = endMs
  }
  expect(earlier).toBeLessThanOrEqual(Math.ceil(totalMs))
}

describe("a recording", () => {
  it.live("of one part is heard as it is, and nobody looks for speech in it", () =>
    Effect.gen(function* () {
      const { parts, said } = spoken(1, 30)
      const heard = yield* hearing(parts, {}, { search: () => Stream.die("looked for") })
      expect(heard.calls).toHaveLength(1)
      expect(textOf(heard.segments)).toBe(said.join(" "))
    }),
  )

  it.live.each([1, 2, 3])("longer than a part loses and doubles no word at a cut, and its times go on", (seed) =>
    Effect.gen(function* () {
      const { parts, said } = spoken(seed, 120)
      const heard = yield* hearing(parts, {}, { part: "20 seconds" })
      expect(heard.calls.length).toBeGreaterThan(5)
      expect(Math.max(...heard.calls)).toBeLessThan(23)
      expect(textOf(heard.segments)).toBe(said.join(" "))
      inOrder(heard.segments, heard.totalMs)
    }),
  )

  it.live.each([{ times: true }, { early: true }])(
    "goes to an engine that answers a text alone in short parts for %j",
    (asked) =>
      Effect.gen(function* () {
        const { parts, said } = spoken(4, 100)
        const heard = yield* hearing(parts, asked)
        expect(heard.calls.length).toBeGreaterThan(2)
        expect(Math.max(...heard.calls)).toBeLessThan(33)
        expect(textOf(heard.segments)).toBe(said.join(" "))
        inOrder(heard.segments, heard.totalMs)
      }),
  )

  it.live("has its one text where the speech is", () =>
    Effect.gen(function* () {
      const silence = new Int16Array(2 * recordingSampleRate)
      const heard = yield* hearing([silence, new Int16Array(recordingSampleRate).fill(1), silence], { times: true })
      expect(heard.segments).toEqual([{ startMs: 2_000, endMs: 3_000, text: "w1" }])
    }),
  )

  it.live("has it there too where the engine says times, but of all of the recording", () =>
    Effect.gen(function* () {
      const silence = new Int16Array(2 * recordingSampleRate)
      const parts = [silence, new Int16Array(recordingSampleRate).fill(1), silence]
      const engine = { abilities: { ...textAlone, times: true, streams: true } }
      const placed = yield* hearing(parts, { times: true }, engine)
      expect(placed.segments).toEqual([{ startMs: 2_000, endMs: 3_000, text: "w1" }])
      const plain = yield* hearing(parts, {}, { ...engine, search: () => Stream.die("looked for") })
      expect(plain.segments).toEqual([{ startMs: 0, endMs: 5_000, text: "w1" }])
    }),
  )

  it.live("keeps the times that an engine tells, which are of its part", () =>
    Effect.gen(function* () {
      const { parts } = spoken(5, 60)
      const heard = yield* hearing(
        parts,
        { times: true },
        {
          abilities: { ...textAlone, times: true },
          part: "20 seconds",
          hear: (recording) =>
            bursts(recording).map(({ from, level, to }) => ({
              startMs: Math.round(from / samplesPerMs),
              endMs: Math.round(to / samplesPerMs),
              text: ` w${level}`,
            })),
        },
      )
      expect(heard.calls.length).toBeGreaterThan(2)
      const recording = yield* recordingOf(parts)
      expect(heard.segments.map(({ endMs, startMs }) => [startMs, endMs])).toEqual(
        bursts(recording).map(({ from, to }) => [
          expect.closeTo(from / samplesPerMs, -1),
          expect.closeTo(to / samplesPerMs, -1),
        ]),
      )
    }).pipe(Effect.provide(NodeServices.layer), Effect.scoped),
  )
})

describe("a text that is empty", () => {
  const speech = [new Int16Array(2 * recordingSampleRate).fill(1)]
  const counted = (outcome: string) =>
    Effect.map(Metric.value(Metric.withAttributes(emptyTranscripts, { outcome })), ({ count }) => count)

  it.live("though there is speech is asked for once more", () =>
    Effect.gen(function* () {
      const before = yield* counted("heard")
      const heard = yield* hearing(
        speech,
        {},
        { hear: (recording, _, call) => (call === 1 ? [] : heardWhole(recording)) },
      )
      expect([textOf(heard.segments), heard.calls.length, heard.unheardMs]).toEqual(["w1", 2, 0])
      expect(yield* counted("heard")).toBe(before + 1)
    }),
  )

  it.live("twice is told, and not asked for a third time", () =>
    Effect.gen(function* () {
      const before = yield* counted("empty")
      const heard = yield* hearing(speech, {}, { hear: () => [{ startMs: 0, endMs: 2_000, text: " " }] })
      expect([heard.segments, heard.calls.length, heard.unheardMs]).toEqual([[], 2, 2_000])
      expect(yield* counted("empty")).toBe(before + 1)
    }),
  )

  it.live("of silence, or of a cough, is the answer", () =>
    Effect.gen(function* () {
      const cough = new Int16Array(0.3 * recordingSampleRate).fill(1)
      const heard = yield* hearing([cough, new Int16Array(recordingSampleRate)], {}, { hear: () => [] })
      expect([heard.segments, heard.calls.length, heard.unheardMs]).toEqual([[], 1, 0])
    }),
  )
})

describe("words", () => {
  const aligned: ReadonlyArray<Word> = [{ word: "w1", startMs: 200, endMs: 700 }]
  const speech = [new Int16Array(recordingSampleRate).fill(1)]
  const silence = new Int16Array(40 * recordingSampleRate)

  it.live("are sought where the engine tells none, and lie in the whole recording", () =>
    Effect.gen(function* () {
      const sought: Array<readonly [Stretch, string]> = []
      const heard = yield* hearing(
        [...speech, silence, ...speech],
        { words: true, times: true },
        {
          align: (_, stretch, text) => Effect.sync(() => (sought.push([stretch, text]), aligned)),
        },
      )
      expect(sought.map(([, text]) => text)).toEqual(["w1", "w1"])
      expect(heard.segments.map(({ words }) => words)).toEqual([
        [{ word: "w1", startMs: 200, endMs: 700 }],
        // The second part begins a second before its speech, at 40 seconds.
        [{ word: "w1", startMs: 41_000, endMs: 41_000 }],
      ])
    }),
  )

  it.live("that the engine tells stay; where the text is not what is said they share the segment's time", () =>
    Effect.gen(function* () {
      const words = [{ word: "w1", startMs: 10, endMs: 20 }]
      const told = yield* hearing(
        speech,
        { words: true, times: true },
        {
          hear: () => [{ startMs: 0, endMs: 900, text: "w1", words }],
          align: () => Effect.die("sought"),
        },
      )
      expect(told.segments[0]!.words).toEqual(words)
      const spread = yield* hearing(
        speech,
        { words: true, times: true },
        {
          hear: () => [{ startMs: 100, endMs: 900, text: "ab cd" }],
        },
      )
      expect(spread.segments[0]!.words).toEqual([
        { word: "ab", startMs: 100, endMs: 500 },
        { word: "cd", startMs: 500, endMs: 900 },
      ])
    }),
  )
})
