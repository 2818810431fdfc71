import { expect, layer } from "@effect/vitest"
import { Effect, Fiber, FileSystem, Layer, Schedule, type Scope, Stream } from "effect"
import { NodeFileSystem } from "@effect/platform-node"
import { createHash } from "node:crypto"
import { readdirSync, readlinkSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { Settings } from "../../src/Settings.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { NimTest } from "../support/nim.ts"
import { transcriptOf } from "../support/heard.ts"

const clientWith = (clocks: Parameters<typeof Settings.layerTest>[0]) =>
  Layer.unwrap(Effect.map(NimTest, ({ url }) => ParakeetClient.layerNim(url))).pipe(
    Layer.provide(Settings.layerTest({ parakeetLanguage: "es-US", ...clocks })),
  )

const recordingOf = (seconds: number) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const samples = seconds * 16_000
    const path = yield* fs.makeTempFileScoped({ suffix: ".wav" })
    const bytes = Buffer.concat([wavHeader(16_000, samples * 2), Buffer.alloc(samples * 2, seconds)])
    yield* fs.writeFile(path, bytes)
    return { path, samples, sha256: createHash("sha256").update(bytes).digest("hex") }
  })

/** What this process has open. A file that was closed while its name was read is not. */
const openFiles = (): ReadonlyArray<string> =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return []
    }
  })

const withFaults = <A, E>(
  faults: ReadonlyArray<NimFault>,
  run: Effect.Effect<A, E, ParakeetClient | NimTest | FileSystem.FileSystem | Scope.Scope>,
  clocks: Parameters<typeof clientWith>[0] = {},
) =>
  Effect.gen(function* () {
    const nim = yield* NimTest
    yield* nim.restart()
    yield* nim.setFaults(faults)
    return yield* run.pipe(
      Effect.provide([clientWith(clocks), NodeFileSystem.layer]),
      Effect.ensuring(nim.setFaults([])),
    )
  })

layer(NimTest.layer, { excludeTestServices: true })("ParakeetClient.layerNim", (it) => {
  it.effect("sends the whole recording and gives the text", () =>
    withFaults(
      [],
      Effect.gen(function* () {
        const parakeet = yield* ParakeetClient
        const heard = yield* Stream.runCollect(parakeet.transcribe(yield* recordingOf(60), { language: "en-US" }))
        expect(heard).toEqual([{ startMs: 0, endMs: 60_000, text: "heard 60000 milliseconds" }])
      }),
    ),
  )

  // The server refuses any language it does not list, as a real one does, and lists no `en`, `de` or `es`.
  for (const [asked, language] of [
    ["en", "en-US"],
    ["de", "de-DE"],
    ["EN-us", "en-US"],
    [undefined, "es-US"],
  ] as const) {
    it.effect(`asks for ${language} where the client says ${asked ?? "nothing"}`, () =>
      withFaults(
        [],
        Effect.gen(function* () {
          const parakeet = yield* ParakeetClient
          expect(parakeet.language(asked)).toBe(language)
          yield* transcriptOf(parakeet, yield* recordingOf(1), { language: asked })
        }),
      ),
    )
  }

  const failures: ReadonlyArray<readonly [string, NimFault, Record<string, unknown>]> = [
    ["closed before its head", { kind: "cut", afterBytes: 0 }, { _tag: "EngineUnreachable" }],
    ["cut in the middle", { kind: "cut", afterBytes: 4 }, { _tag: "EngineCut" }],
    ["that is half a JSON text", { kind: "shorten", afterBytes: 4 }, { _tag: "EngineMalformed" }],
    [
      "of a wedged engine",
      { kind: "wedge" },
      { _tag: "EngineRejected", status: 500, body: expect.stringContaining("CUDA error") },
    ],
    ["of an engine that still loads", { kind: "loading" }, { _tag: "EngineLoading" }],
    [
      "that is a JSON error under 200",
      { kind: "mislabel", as: "json" },
      { _tag: "EngineMalformed", message: expect.stringContaining("the synthesis failed") },
    ],
    ["that is a web page", { kind: "mislabel", as: "html" }, { _tag: "EngineMalformed" }],
    ["with a broken status line", { kind: "badStatusLine" }, { _tag: "EngineMalformed" }],
  ]
  for (const [answer, fault, failure] of failures) {
    it.effect(`tells ${failure["_tag"] as string} of an answer ${answer}`, () =>
      withFaults(
        [fault],
        Effect.gen(function* () {
          const parakeet = yield* ParakeetClient
          const error = yield* Effect.flip(transcriptOf(parakeet, yield* recordingOf(1), { language: "en" }))
          expect(error.reason).toMatchObject(failure)
        }),
      ),
    )
  }

  it.effect("limits the whole time of a call, however silent: its first byte is also its last", () =>
    withFaults(
      [{ kind: "hang" }],
      Effect.gen(function* () {
        const parakeet = yield* ParakeetClient
        const error = yield* Effect.flip(transcriptOf(parakeet, yield* recordingOf(1), { language: "en" }))
        expect(error.reason).toMatchObject({ _tag: "EngineTimedOut", phase: "total", afterMillis: 600 })
      }),
      { parakeetTimeout: "600 millis", firstByteTimeout: "50 millis", idleTimeout: "50 millis" },
    ),
  )

  it.effect("meets a wedge that one recording alone sets off, and that only a restart ends", () =>
    Effect.gen(function* () {
      const poison = yield* recordingOf(3)
      const harmless = yield* recordingOf(2)
      yield* withFaults(
        [{ kind: "wedge", sha256: poison.sha256 }],
        Effect.gen(function* () {
          const nim = yield* NimTest
          const parakeet = yield* ParakeetClient
          const text = (recording: typeof poison) =>
            transcriptOf(parakeet, recording, { language: "en" }).pipe(
              Effect.catch((error) => Effect.succeed(error.reason._tag)),
            )
          expect(yield* text(harmless)).toBe("heard 2000 milliseconds")
          expect(yield* text(poison)).toBe("EngineRejected")
          expect(yield* text(harmless)).toBe("EngineRejected")
          yield* parakeet.ready
          yield* nim.restart()
          expect(yield* text(harmless)).toBe("heard 2000 milliseconds")
          expect(yield* text(poison)).toBe("EngineRejected")
        }),
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.effect("leaves the engine when it is interrupted", () =>
    withFaults(
      [{ kind: "hang" }],
      Effect.gen(function* () {
        const nim = yield* NimTest
        const parakeet = yield* ParakeetClient
        const call = yield* Effect.forkChild(transcriptOf(parakeet, yield* recordingOf(1), { language: "en" }))
        const working = (count: number) =>
          nim.calls.pipe(
            Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (calls) => calls.working === count }),
            Effect.timeout("1 minute"),
          )
        yield* working(1)
        yield* Fiber.interrupt(call)
        yield* working(0)
      }),
    ),
  )

  it.effect("ends nothing but the call, at whatever moment of its sending it is interrupted", () =>
    withFaults(
      [],
      Effect.gen(function* () {
        const parakeet = yield* ParakeetClient
        const recording = yield* recordingOf(10)
        const unhandled: Array<unknown> = []
        const note = (error: unknown) => void unhandled.push(error)
        process.on("unhandledRejection", note)
        for (let turns = 0; turns < 150; turns++) {
          const call = yield* Effect.forkChild(transcriptOf(parakeet, recording, { language: "en" }))
          for (let turn = 0; turn < turns; turn++) yield* Effect.promise(() => setImmediate())
          yield* Fiber.interrupt(call)
        }
        const stillOpen = Effect.sync(() => openFiles().filter((path) => path === recording.path))
        yield* stillOpen.pipe(
          Effect.repeat({ schedule: Schedule.spaced("10 millis"), until: (found) => found.length === 0 }),
          Effect.timeout("10 seconds"),
        )
        process.off("unhandledRejection", note)
        expect(unhandled).toEqual([])
      }),
    ),
  )

  it.effect("fails, and does not die, where the recording is gone", () =>
    withFaults(
      [],
      Effect.gen(function* () {
        const parakeet = yield* ParakeetClient
        const error = yield* Effect.flip(
          transcriptOf(parakeet, { path: "no-such-directory/recording.wav", samples: 1 }),
        )
        expect(error.reason._tag).toBe("EngineUnreachable")
      }),
    ),
  )
})
