/**
 * What a file says of itself is a lie until it is checked. A few bytes that declare a rate, a count of channels or a length
 * must cost neither memory nor time: a 57-byte FLAC of 1 Hz held every decoder for five minutes and took three gigabytes.
 */
import { NodeServices } from "@effect/platform-node"
import { afterAll, expect, layer } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AudioDecoder } from "../../src/audio/AudioDecoder.ts"
import { decoderIn, recordingsIn } from "../support/decoder.ts"
import { flacFrame, flacOf } from "../support/flac.ts"
import { seededRandom } from "../support/seededRandom.ts"

/** Changes to the head of each fixture; 1,000 passed when this was written. */
const rounds = Number(process.env["AVIARY_FUZZ_ROUNDS"] ?? 12)
const folder = mkdtempSync(join(tmpdir(), "aviary-lies-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const spool = join(folder, "spool")
const fixture = (ending: string) =>
  new Uint8Array(readFileSync(join(import.meta.dirname, `../support/audio/sense-and-sensibility-0930${ending}`)))
const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0

/** `bytes` with `more` in the place of what is there, `past` the first occurrence of `mark`. */
const patched = (bytes: Uint8Array, mark: string, past: number, more: ReadonlyArray<number>) => {
  const changed = Buffer.from(bytes)
  const at = changed.indexOf(mark, 0, "latin1")
  changed.set(more, at + past)
  return new Uint8Array(changed)
}
const u32 = (value: number) => [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24]
const big = (value: number) => u32(value).toReversed()

/** How `bytes` end, the CPU seconds that takes, and the megabytes that the process grows by meanwhile. */
const decode = Effect.fnUntraced(function* (bytes: Uint8Array, name = "lie") {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  const { decode } = yield* AudioDecoder
  const [cpu, rss] = [process.cpuUsage(), process.memoryUsage.rss()]
  let peak = rss
  const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5)
  const exit = yield* Effect.exit(Effect.scoped(decode(path)))
  clearInterval(watch)
  const { system, user } = process.cpuUsage(cpu)
  const outcome = Exit.match(exit, {
    onSuccess: ({ samples }) => (samples > 0 ? "decoded" : "empty"),
    onFailure: ({ reasons: [reason] }) => (reason?._tag === "Fail" ? reason.error.reason._tag : "defect"),
  })
  return { outcome, seconds: (system + user) / 1_000_000, megabytes: (peak - rss) / 1_000_000 }
})

const decoders = decoderIn(spool, { maxSeconds: () => 900, timeLimit: "3 minutes" })

layer(decoders.pipe(Layer.provideMerge(NodeServices.layer)), { excludeTestServices: true })("AudioDecoder", (it) => {
  const frames = (count: number, rate: (at: number) => number, channels = 1) =>
    flacOf(Array.from({ length: count }, (_, at) => flacFrame(at, rate(at), channels)))

  const refused: ReadonlyArray<[string, () => Uint8Array]> = [
    ["FLAC of 1 Hz, 57 bytes", () => frames(1, () => 1)],
    ["FLAC of 655,350 Hz", () => frames(100, () => 655_350)],
    ["Vorbis of 20,000,001 Hz", () => patched(fixture(".ogg"), "\u0001vorbis", 12, u32(20_000_001))],
    ["Vorbis of 1 Hz", () => patched(fixture(".ogg"), "\u0001vorbis", 12, u32(1))],
    ["Vorbis of 255 channels", () => patched(fixture(".ogg"), "\u0001vorbis", 11, [255])],
    ["Opus of 255 channels", () => patched(fixture(".opus"), "OpusHead", 9, [255])],
    ["Opus of no channel", () => patched(fixture(".opus"), "OpusHead", 9, [0])],
    ["WebM with Opus of 255 channels", () => patched(fixture(".webm"), "OpusHead", 9, [255])],
    ["WAV of 1 Hz", () => patched(fixture(".wav"), "fmt ", 12, u32(1))],
    ["WAV of 4,000,000,000 Hz", () => patched(fixture(".wav"), "fmt ", 12, u32(4_000_000_000))],
    ["WAV of 65,535 channels", () => patched(fixture(".wav"), "fmt ", 10, [255, 255])],
  ]
  it.effect.each(refused)("refuses %s before it costs anything", ([name, bytes]) =>
    Effect.gen(function* () {
      // The threads' own start is not counted.
      yield* decode(fixture(".wav"))
      const cost = yield* decode(bytes())
      expect({ name, ...cost }).toMatchObject({ outcome: "Undecodable" })
      expect(cost.seconds, name).toBeLessThan(3)
      expect(cost.megabytes, name).toBeLessThan(100)
    }),
  )

  const lies: ReadonlyArray<[string, string, number, ReadonlyArray<number>]> = [
    ["rate", "mp4a", 28, big(0xffff_0000)],
    ["number of samples", "stsz", 12, big(0x7fff_ffff)],
    ["number of chunks", "stco", 8, big(0x7fff_ffff)],
    ["length", "mdhd", 16, big(1)],
  ]
  it.effect.each(hasFfmpeg ? lies : [])(
    "ffmpeg is given no gigabytes for an m4a whose %s is a lie",
    ([, mark, past, lie]) =>
      Effect.gen(function* () {
        yield* decode(fixture(".m4a"))
        const cost = yield* decode(patched(fixture(".m4a"), mark, past, lie))
        expect(["decoded", "Undecodable"]).toContain(cost.outcome)
        expect(cost.seconds).toBeLessThan(2)
      }),
  )

  it.effect(
    "makes what is true and large in pieces: a quarter of an hour of silence in eight channels, in 25 KB, takes no 400 MB",
    () =>
      Effect.gen(function* () {
        yield* decode(fixture(".flac"))
        // As samples they are 1.3 GB.
        const cost = yield* decode(frames(600, () => 48_000, 8))
        expect(cost.outcome).toBe("decoded")
        expect(cost.megabytes).toBeLessThan(400)
      }),
  )

  it.effect("stops at the longest length there may be where every byte becomes seconds", () =>
    Effect.gen(function* () {
      const cost = yield* decode(frames(100, () => 1_000))
      expect(cost.outcome).toBe("TooLong")
      expect(cost.megabytes).toBeLessThan(150)
    }),
  )

  it.effect("gives up bytes that are searched for frames and hold none, long before its time is over", () =>
    Effect.gen(function* () {
      // Each looks like a frame's beginning, and like the end of each before it until all between has been summed up.
      const beginning = flacFrame(0, 48_000).slice(0, 10)
      const cost = yield* decode(flacOf(Array.from({ length: 400_000 }, () => beginning)))
      expect(cost.outcome).toBe("DecoderGaveUp")
      expect(cost.seconds).toBeLessThan(15)
    }),
  )

  it.effect.each([".wav", ".flac", ".ogg", ".opus", ".webm", ".mp3", ...(hasFfmpeg ? [".m4a"] : [])])(
    "survives extreme numbers in the head of %s",
    (ending) =>
      Effect.gen(function* () {
        const good = fixture(ending)
        const random = seededRandom(good.length)
        const extremes = [
          [0],
          [1],
          [255],
          [0, 0, 0, 0],
          [255, 255, 255, 255],
          [1, 0, 0, 0],
          [0, 0, 0, 1],
          [255, 255, 255, 127],
        ]
        yield* decode(good)
        for (let round = 0; round < rounds; round++) {
          const bytes = good.slice()
          for (let hit = random(3); hit >= 0; hit--) bytes.set(extremes[random(extremes.length)]!, random(128))
          const cost = yield* decode(bytes, `round-${round}${ending}`)
          expect(["decoded", "Undecodable", "TooLong"], `round ${round}`).toContain(cost.outcome)
          expect(cost.seconds, `round ${round}`).toBeLessThan(5)
          expect(cost.megabytes, `round ${round}`).toBeLessThan(200)
        }
        expect(recordingsIn(spool)).toEqual([])
      }),
    120_000,
  )
})
