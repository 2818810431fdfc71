/** Uploads are hostile. Whatever the bytes, a decode ends in time with a recording or a typed error, and the decoders live on. */
import { NodeServices } from "@effect/platform-node"
import { afterAll, expect, layer } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { mkdtempSync, readFileSync, writeFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AudioDecoder } from "../../src/audio/AudioDecoder.ts"
import { decoderIn, recordingsIn } from "../support/decoder.ts"
import { seededRandom } from "../support/seededRandom.ts"

/** Mutations of each fixture; 2,000 passed when this was written. */
const rounds = Number(process.env["FUZZ_ROUNDS"] ?? 40)
const folder = mkdtempSync(join(tmpdir(), "aviary-fuzz-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const spool = join(folder, "spool")
const clip = join(import.meta.dirname, "../support/audio/sense-and-sensibility-0930")

const mutate = (good: Uint8Array, random: (limit: number) => number): Uint8Array => {
  const bytes = good.slice(0, random(4) === 0 ? random(good.length) : good.length)
  // Half of the hits go to the first kilobyte, where the headers are.
  const place = () => random(random(2) === 0 ? Math.min(bytes.length, 1_024) : bytes.length)
  for (let hit = random(12); hit >= 0; hit--) {
    const at = place()
    switch (random(4)) {
      case 0:
        bytes[at] = random(256)
        break
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
        break
      case 2:
        bytes.fill(random(2) * 255, at, at + random(64))
        break
      case 3:
        bytes.copyWithin(at, place(), place() + random(256))
    }
  }
  return bytes
}

const decoders = decoderIn(spool, { timeLimit: "20 seconds", ffmpeg: join(folder, "none") })

layer(decoders.pipe(Layer.provide(NodeServices.layer)), { excludeTestServices: true })("AudioDecoder", (it) => {
  it.effect.each(["-live.webm", ".webm", ".opus", ".ogg", ".mp3", ".flac", ".wav", ".m4a"])(
    "survives mutations of %s",
    (ending) =>
      Effect.gen(function* () {
        const { decode } = yield* AudioDecoder
        const good = new Uint8Array(readFileSync(`${clip}${ending}`))
        const random = seededRandom(ending.length + good.length)
        const outcomes = new Map<string, number>()
        const files = Array.from({ length: rounds }, (_, round) => ({ round, bytes: mutate(good, random) }))
        yield* Effect.forEach(
          files,
          Effect.fnUntraced(function* ({ round, bytes }) {
            const path = join(folder, `fuzz-${round % 8}${ending}`)
            writeFileSync(path, bytes)
            const exit = yield* Effect.exit(Effect.scoped(decode(path)))
            const outcome = Exit.match(exit, {
              onSuccess: () => "decoded",
              onFailure: (cause) => {
                const error = cause.reasons[0]
                return error?._tag === "Fail" ? error.error.reason._tag : "defect"
              },
            })
            outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
            if (outcome === "defect" || outcome === "DecoderGaveUp")
              writeFileSync(join(folder, `bad-${round}${ending}`), bytes)
          }),
          { concurrency: 2 },
        )
        if (rounds > 100) yield* Effect.log(ending, Object.fromEntries(outcomes), folder)
        expect([...outcomes.keys()]).not.toContain("defect")
        // Neither a hang nor a crash, and never the gateway's own fault.
        expect(outcomes.get("DecoderGaveUp") ?? 0).toBe(0)
        expect(outcomes.get("SpoolFailed") ?? 0).toBe(0)
        expect(recordingsIn(spool)).toEqual([])
      }),
    600_000,
  )
})
