/**
 * A data directory holds what people had spoken and what they recorded, accounts and tokens. On a machine with several users it
 * is its owner's alone, whatever the umask: nothing in it may be read by anybody else, not even for the length of a request.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem } from "effect"
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { KeptBytes } from "../../src/cache/Flights.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { countedNim } from "../support/countedNim.ts"

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

/** What is in `directory`, itself included, that its group or others may touch. */
const open = (directory: string) =>
  [directory, ...readdirSync(directory, { recursive: true }).map((name) => join(directory, String(name)))]
    .map((path) => `${modeOf(path)} ${path.slice(directory.length)}`)
    .filter((line) => !/^[0-7]00 /.test(line))

const withUmask = <A, E, R>(mask: number, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => process.umask(mask)),
    () => effect,
    (before) => Effect.sync(() => void process.umask(before)),
  )

const temporary = Effect.flatMap(FileSystem.FileSystem, (fs) =>
  fs.makeTempDirectoryScoped({ prefix: "aviary-private-" }),
)

layer(NodeServices.layer, { excludeTestServices: true })("PrivateFiles", (it) => {
  it.effect("nobody else can read what a gateway keeps or is just working on, though the umask allows all", () =>
    withUmask(
      0,
      Effect.gen(function* () {
        const dataDir = join(yield* temporary, "data")
        const reached = yield* Deferred.make<void>()
        const goOn = yield* Deferred.make<void>()
        const nim = yield* countedNim({
          hold: () => Effect.andThen(Deferred.succeed(reached, undefined), Deferred.await(goOn)),
        })
        // Even a short speech is in a file while it is made.
        const { strays, url } = yield* startAviary(nim, { dataDir }).pipe(Effect.provideService(KeptBytes, 0))
        const speaking = yield* Effect.forkChild(
          Effect.flatMap(postSpeech(url), (response) => Effect.promise(() => response.arrayBuffer())),
        )
        yield* Deferred.await(reached)
        yield* strays.pipe(Effect.repeat({ until: (files) => files.length > 0 }), Effect.timeout("60 seconds"))
        expect(open(dataDir)).toEqual([])
        yield* Deferred.succeed(goOn, undefined)
        yield* Fiber.join(speaking)
        const form = new FormData()
        form.append("model", "whisper-1")
        form.append(
          "file",
          new Blob([Uint8Array.from(wavHeader(16_000, 32_000)), new Uint8Array(32_000)]),
          "speech.wav",
        )
        yield* Effect.promise(() => fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form }))
        expect(open(dataDir)).toEqual([])
        const kept = readdirSync(dataDir, { recursive: true }).map(String)
        expect(kept.filter((name) => /v1\/..\/[0-9a-f]{64}$/.test(name)).length).toBe(1)
      }),
    ),
  )

  it.effect("what an earlier version left open to others is closed at the start, and nothing that is not ours", () =>
    Effect.gen(function* () {
      const root = yield* temporary
      const dataDir = join(root, "data")
      const shared = join(root, "shared")
      for (const directory of [join(dataDir, "cache/v1/ab"), join(dataDir, "cache/tmp"), join(dataDir, "recordings")]) {
        mkdirSync(directory, { recursive: true })
      }
      mkdirSync(join(shared, "v1"), { recursive: true })
      writeFileSync(join(shared, "somebody-s-notes"), "")
      chmodSync(root, 0o755)
      chmodSync(shared, 0o755)
      const nim = yield* countedNim()
      yield* Effect.scoped(startAviary(nim, { dataDir }))
      const folders = ["", "cache", "cache/v1", "cache/v1/ab", "cache/tmp", "recordings"]
      expect(folders.map((folder) => modeOf(join(dataDir, folder)))).toEqual(folders.map(() => "700"))

      yield* Effect.scoped(startAviary(nim, { dataDir, cacheDir: shared }))
      expect([modeOf(shared), modeOf(join(shared, "v1")), modeOf(root)]).toEqual(["755", "700", "755"])
    }),
  )
})
