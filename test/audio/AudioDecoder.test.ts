import { NodeServices } from "@effect/platform-node"
import { afterAll, describe, expect, layer } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readFileSync, truncateSync, writeFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { AudioDecoder, type AudioDecoderOptions } from "../../src/audio/AudioDecoder.ts"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { compareAudio } from "../support/compareAudio.ts"
import { decoderIn, recordingsIn } from "../support/decoder.ts"

const fixture = (name: string) => join(import.meta.dirname, "../support/audio", name)
const clip = (ending: string) => fixture(`sense-and-sensibility-0930${ending}`)
const original = new Int16Array(Uint8Array.from(readFileSync(clip(".wav")).subarray(44)).buffer)

const folder = mkdtempSync(join(tmpdir(), "aviary-decoder-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const spool = join(folder, "spool")
const upload = (name: string, bytes: Uint8Array) => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}
/** `seconds` of silence, with holes for samples. */
const silence = (name: string, seconds: number, rate = 16_000) => {
  const path = upload(name, wavHeader(rate, seconds * rate * 2))
  truncateSync(path, 44 + seconds * rate * 2)
  return path
}
/** Resampling makes this one take many seconds. */
const endless = (name: string) => silence(name, 14_000, 8_000)

const decoder = (options: Partial<AudioDecoderOptions> = {}) =>
  decoderIn(spool, options).pipe(Layer.provideMerge(NodeServices.layer))

const samplesOf = (path: string) => new Int16Array(Uint8Array.from(readFileSync(path).subarray(44)).buffer)
const decode = (path: string) => Effect.flatMap(AudioDecoder, (service) => service.decode(path))
const refused = (path: string) => Effect.scoped(Effect.flip(decode(path)))

const live = { excludeTestServices: true }
const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0

layer(decoder(), live)("AudioDecoder", (it) => {
  const endings = [".wav", ".flac", ".mp3", ".opus", ".ogg", ".webm", "-live.webm"]
  describe.each([...endings, ...(hasFfmpeg ? [".m4a", ".aac"] : [])])("%s", (ending) => {
    it.effect("becomes the recording that it was made from, and is known by the hash of its samples", () =>
      Effect.gen(function* () {
        const recording = yield* decode(clip(ending))
        const bytes = readFileSync(recording.path)
        expect(bytes.subarray(0, 44)).toEqual(Buffer.from(wavHeader(16_000, recording.samples * 2)))
        expect(bytes.length).toBe(44 + recording.samples * 2)
        expect(recording.sha256).toBe(createHash("sha256").update(bytes.subarray(44)).digest("hex"))
        expect(Math.abs(recording.samples - original.length)).toBeLessThan(16_000 * 0.15)
        const heard = compareAudio(original, samplesOf(recording.path))
        expect(heard.likeness).toBeGreaterThan(0.85)
        // The MP3 has no tag that says how much of its start is the encoder's delay, nor has ADTS.
        if (![".mp3", ".aac"].includes(ending)) expect(Math.abs(heard.delay)).toBeLessThan(16)
      }),
    )
  })

  const antiphase = fixture("stereo-antiphase.flac")
  const encoded = hasFfmpeg ? ["wav", "mp3", "opus", "ogg", "webm", "m4a"] : []
  it.effect.each(["flac", ...encoded])("hears a voice whose two channels cancel out, in %s", (ending) =>
    Effect.gen(function* () {
      const path = ending === "flac" ? antiphase : join(folder, `antiphase.${ending}`)
      // Libopus would keep nothing of the difference below its rate for stereo.
      const coded = ending === "opus" || ending === "webm" ? ["-c:a", "libopus", "-b:a", "128k"] : ["-b:a", "128k"]
      if (ending !== "flac") spawnSync("ffmpeg", ["-y", "-i", antiphase, ...(ending === "wav" ? [] : coded), path])
      const samples = samplesOf((yield* decode(path)).path)
      const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length
      expect(Math.sqrt(power)).toBeGreaterThan(500)
    }),
  )

  it.effect.each(hasFfmpeg ? ["opus", "webm", "ogg", "flac", "wav"] : [])("a %s of one second has one", (ending) =>
    Effect.gen(function* () {
      const path = join(folder, `second.${ending}`)
      const codec = ending === "opus" || ending === "webm" ? ["-c:a", "libopus"] : []
      spawnSync("ffmpeg", ["-y", "-f", "lavfi", "-i", "sine=d=1:r=48000", ...codec, path])
      const { samples } = yield* decode(path)
      expect(samples).toBeLessThanOrEqual(16_000)
      expect(samples).toBeGreaterThan(15_990)
    }),
  )

  it.effect("finds an MP3 behind two ID3 tags", () =>
    Effect.gen(function* () {
      const recording = yield* decode(fixture("mp3-two-id3-tags.mp3"))
      expect(recording.samples / 16_000).toBeCloseTo(5.4, 0)
    }),
  )

  // 20 bytes each, of which the head says 10; 52 bytes, of which the head says 20.
  const id3 = Buffer.from(`49443303000000000${"a".padEnd(23, "0")}`, "hex")
  const ape = Buffer.concat([
    Buffer.from("APETAGEX"),
    Buffer.from("d00700001400000000000000000000a0", "hex"),
    Buffer.alloc(28),
  ])
  const tags = Buffer.concat([id3, Buffer.alloc(7), id3, id3, ape, Buffer.alloc(5_000)])
  it.effect.each([".wav", ".flac", ".mp3", ".opus", ".ogg", ".webm", ...(hasFfmpeg ? [".m4a", ".aac"] : [])])(
    "finds a %s behind ID3 and APE tags and zeros",
    (ending) =>
      Effect.gen(function* () {
        const plain = yield* decode(clip(ending))
        const tagged = yield* decode(upload(`tagged${ending}`, Buffer.concat([tags, readFileSync(clip(ending))])))
        expect(tagged.sha256).toBe(plain.sha256)
      }),
  )

  it.effect("refuses a file of nothing but tags at once", () =>
    Effect.gen(function* () {
      const { reason } = yield* refused(upload("tags.mp3", Buffer.alloc(8_000_000, id3)))
      expect(reason._tag).toBe("Undecodable")
    }),
  )

  it.effect.skipIf(!hasFfmpeg)("has ffmpeg read a WAV of GSM 6.10", () =>
    Effect.gen(function* () {
      const recording = yield* decode(fixture("wav-gsm610.wav"))
      expect(recording.samples / 16_000).toBeCloseTo(5.3, 1)
    }),
  )

  const others: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["adpcm_ms.wav", ["-c:a", "adpcm_ms"]],
    ["adpcm_ima.wav", ["-c:a", "adpcm_ima_wav"]],
    ["mp3.wav", ["-c:a", "libmp3lame"]],
    ["plain.aiff", []],
    ["plain.au", []],
    ["plain.caf", []],
    ["speex.ogg", ["-c:a", "libspeex"]],
  ]
  it.effect.each(hasFfmpeg ? others : [])("has ffmpeg read %s", ([name, codec]) =>
    Effect.gen(function* () {
      const path = join(folder, name)
      spawnSync("ffmpeg", ["-y", "-i", clip(".wav"), ...codec, path])
      const recording = yield* decode(path)
      expect(Math.abs(recording.samples - original.length)).toBeLessThan(16_000 * 0.15)
      expect(compareAudio(original, samplesOf(recording.path)).likeness).toBeGreaterThan(0.35)
    }),
  )

  it.effect("reads a file by its bytes, whatever its name says", () =>
    Effect.gen(function* () {
      const recording = yield* decode(upload("speech.wav", readFileSync(clip(".webm"))))
      expect(recording.samples).toBeGreaterThan(16_000 * 3)
    }),
  )

  it.effect("keeps the recording as long as the scope, and no longer", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const recording = yield* decode(clip(".mp3")).pipe(Scope.provide(scope))
      expect(samplesOf(recording.path).length).toBe(recording.samples)
      yield* Scope.close(scope, Exit.void)
      expect(recordingsIn(spool)).toEqual([])
    }),
  )

  it.effect("plays a recording that was cut off as far as it goes", () =>
    Effect.gen(function* () {
      for (const ending of [".wav", ".mp3", ".opus", "-live.webm", ".ogg", ".flac"]) {
        const bytes = readFileSync(clip(ending))
        const recording = yield* decode(upload(`cut${ending}`, bytes.subarray(0, bytes.length / 2)))
        expect({ ending, enough: recording.samples > 8_000 }).toEqual({ ending, enough: true })
      }
    }),
  )

  it.effect.each<readonly [string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["text", Buffer.from("# Not audio at all\n".repeat(500))],
    ["zeros", new Uint8Array(50_000)],
    ["a header without samples", wavHeader(16_000, 0)],
    ["a container without audio", readFileSync(clip(".webm")).subarray(0, 300)],
    ["a magic number alone", Buffer.from("fLaC")],
    ["a size past the end of any file", Buffer.from("1a45dfa380ec01fffffffffffffe00", "hex")],
    ["a cut Ogg page", readFileSync(clip(".opus")).subarray(0, 40)],
  ])("refuses %s and names what is accepted", ([name, bytes]) =>
    Effect.gen(function* () {
      const { reason } = yield* refused(upload(`bad ${name}`, bytes))
      expect(reason._tag).toBe("Undecodable")
      expect(reason.message).toMatch(/Accepted are flac, m4a, mp3, mp4, ogg, opus, wav and webm\./)
      expect(recordingsIn(spool)).toEqual([])
    }),
  )

  it.effect("answers a file that is gone as trouble of its own disk, without the path", () =>
    Effect.gen(function* () {
      const { reason } = yield* refused(join(folder, "gone.wav"))
      expect(reason._tag).toBe("SpoolFailed")
      expect(reason.message).toBe("The upload could not be spooled to disk (ENOENT).")
    }),
  )

  it.effect("decodes many at a time, each its own", () =>
    Effect.gen(function* () {
      const seconds = [1, 2, 3, 4, 5, 6, 7, 8]
      const recordings = yield* Effect.forEach(seconds, (n) => decode(silence(`${n}.wav`, n)), { concurrency: 8 })
      expect(recordings.map((recording) => recording.samples)).toEqual(seconds.map((n) => n * 16_000))
    }),
  )
})

layer(decoder({ maxSeconds: () => 5, timeLimit: "30 seconds" }), live)(
  "AudioDecoder with a limit of 5 seconds",
  (it) => {
    it.effect("refuses longer audio", () =>
      Effect.gen(function* () {
        const { reason } = yield* refused(silence("long.wav", 6))
        expect(reason).toMatchObject({ _tag: "TooLong", limitSeconds: 5 })
        expect((yield* decode(silence("fits.wav", 5))).samples).toBe(80_000)
      }),
    )

    it.effect.skipIf(!hasFfmpeg)("refuses longer audio that ffmpeg decodes", () =>
      Effect.gen(function* () {
        const path = join(folder, "long.m4a")
        spawnSync("ffmpeg", ["-y", "-f", "lavfi", "-i", "sine=d=6", "-c:a", "aac", path])
        expect((yield* refused(path)).reason._tag).toBe("TooLong")
      }),
    )
  },
)

layer(decoder({ ffmpeg: join(folder, "no-such-program") }), live)("AudioDecoder without ffmpeg", (it) => {
  const needy = [
    clip(".m4a"),
    clip(".aac"),
    fixture("wav-gsm610.wav"),
    upload("plain.caf", Buffer.from("caff")),
    upload("speech.amr", Buffer.from("#!AMR\n")),
  ]
  it.effect.each(needy.map((path) => [basename(path), path] as const))("says what %s needs", ([, path]) =>
    Effect.gen(function* () {
      const { reason } = yield* refused(path)
      expect(reason._tag).toBe("FfmpegMissing")
      expect(reason.message).toMatch(/Install ffmpeg/)
    }),
  )
})

layer(decoder({ workers: 1, timeLimit: "2 seconds" }), live)("AudioDecoder with 2 seconds", (it) => {
  it.effect("gives up a file that takes longer, and decodes the next one", () =>
    Effect.gen(function* () {
      const { reason } = yield* refused(endless("hours.wav"))
      expect(reason).toMatchObject({ _tag: "DecoderGaveUp", message: "The audio took too long to decode." })
      expect((yield* decode(clip(".wav"))).samples).toBe(original.length)
    }),
  )

  it.effect.skipIf(!hasFfmpeg)("kills an ffmpeg that takes longer", () =>
    Effect.gen(function* () {
      const script = upload("slow.m4a", readFileSync(clip(".m4a")))
      const slow = decoder({
        workers: 1,
        timeLimit: "2 seconds",
        ffmpeg: join(import.meta.dirname, "../support/stuck.sh"),
      })
      const { reason } = yield* refused(script).pipe(Effect.provide(slow))
      expect(reason._tag).toBe("DecoderGaveUp")
    }),
  )
})

layer(decoder({ workers: 1, waitLimit: "50 millis" }), live)("AudioDecoder with one worker", (it) => {
  it.effect("stops decoding when its caller is interrupted, and leaves no file", () =>
    Effect.gen(function* () {
      const path = endless("left.wav")
      const fiber = yield* Effect.forkChild(Effect.scoped(decode(path)))
      yield* waitUntil(() => recordingsIn(spool).length > 0)
      yield* Fiber.interrupt(fiber)
      expect(recordingsIn(spool)).toEqual([])
      expect((yield* decode(clip(".wav"))).samples).toBe(original.length)
    }),
  )

  it.effect("turns away who waits too long", () =>
    Effect.gen(function* () {
      const path = endless("first.wav")
      const first = yield* Effect.forkChild(Effect.scoped(decode(path)))
      yield* waitUntil(() => recordingsIn(spool).length > 0)
      expect((yield* refused(clip(".wav"))).reason._tag).toBe("DecoderBusy")
      yield* Fiber.interrupt(first)
    }),
  )
})

const waitUntil = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.andThen(Effect.sleep("5 millis"), waitUntil(condition))))
