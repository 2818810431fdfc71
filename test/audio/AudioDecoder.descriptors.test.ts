/** When the gateway has no file descriptor left, that is not the recording's fault, whichever step is the first to need one. */
import { NodeServices } from "@effect/platform-node"
import { afterAll, expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { AudioDecoder } from "../../src/audio/AudioDecoder.ts"
import { decoderIn } from "../support/decoder.ts"

const folder = mkdtempSync(join(tmpdir(), "aviary-descriptors-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const clip = (ending: string) => join(import.meta.dirname, `../support/audio/sense-and-sensibility-0930${ending}`)
const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0
const hasFfmpeg = spawnSync("ffmpeg", ["-version"]).status === 0

/** Runs `use` while this process can have only so many more descriptors. */
const withDescriptors = <A, E, R>(spare: number, use: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.promise(async () => {
      const limit = (to: string) => `prlimit --pid ${process.pid} --nofile=${to}:`
      const before = Number(
        /Max open files\s+(\d+)/.exec(spawnSync("cat", [`/proc/${process.pid}/limits`]).stdout.toString())?.[1],
      )
      // It has to be there already when nothing can be started any more.
      const restorer = spawn("sh", ["-c", `read line && ${limit(String(before))}`], {
        stdio: ["pipe", "ignore", "ignore"],
      })
      const highest = Math.max(...readdirSync("/proc/self/fd").map(Number))
      const fillers: Array<number> = []
      do fillers.push(openSync("/dev/null", "r"))
      while (fillers.at(-1)! <= highest || fillers.length < spare)
      const top = fillers.at(-1)!
      spawnSync("sh", ["-c", limit(String(top + 1))])
      for (let one = 0; one < spare; one++) closeSync(fillers.pop()!)
      return { restorer, fillers }
    }),
    () => use,
    ({ fillers, restorer }) =>
      Effect.promise(
        () =>
          new Promise<void>((resolve) => {
            restorer.on("exit", () => resolve())
            restorer.stdin.end("now\n")
            for (const filler of fillers) closeSync(filler)
          }),
      ),
  )

const refused = (path: string) =>
  Effect.flatMap(AudioDecoder, ({ decode }) => Effect.map(Effect.flip(decode(path)), ({ reason }) => reason._tag)).pipe(
    Effect.scoped,
  )
const heard = (path: string) =>
  Effect.flatMap(AudioDecoder, ({ decode }) => Effect.map(decode(path), ({ samples }) => samples > 0)).pipe(
    Effect.scoped,
  )

layer(decoderIn(join(folder, "spool")).pipe(Layer.provideMerge(NodeServices.layer)), { excludeTestServices: true })(
  "without descriptors",
  (it) => {
    it.effect.skipIf(!hasPrlimit)("a decoder that cannot be started is no fault of the file", () =>
      Effect.gen(function* () {
        expect(yield* withDescriptors(2, refused(clip(".wav")))).toBe("DecoderBusy")
        expect(yield* heard(clip(".wav"))).toBe(true)
      }),
    )

    it.effect.skipIf(!hasPrlimit)("nor is a file that cannot be opened", () =>
      Effect.gen(function* () {
        yield* heard(clip(".wav"))
        expect(yield* withDescriptors(0, refused(clip(".wav")))).toBe("SpoolFailed")
        expect(yield* heard(clip(".wav"))).toBe(true)
      }),
    )

    it.effect.skipIf(!hasPrlimit || !hasFfmpeg)("nor is an ffmpeg that cannot be started", () =>
      Effect.gen(function* () {
        yield* heard(clip(".wav"))
        expect(yield* withDescriptors(3, refused(clip(".m4a")))).toBe("DecoderBusy")
        expect(yield* heard(clip(".m4a"))).toBe(true)
      }),
    )
  },
)
