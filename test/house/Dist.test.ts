import { readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { installPacked } from "../support/packed.ts"
import { files, root } from "./Tree.ts"

// What other programs import is JavaScript built from here. Program.test.ts has what is run.

let installed: ReturnType<typeof installPacked>

/** The output of a program that an embedder could have written. */
const program = (code: string) => {
  writeFileSync(join(installed.home, "program.mjs"), code)
  return installed.run(process.execPath, "program.mjs").trim()
}

beforeAll(() => {
  installed = installPacked()
})

afterAll(() => installed?.remove())

it("holds what runs, what explains it and the licence", () => {
  const names = readdirSync(installed.folder)
  expect(names).toEqual(expect.arrayContaining(["LICENSE", "README.md", "dist", "docs", "package.json", "program"]))
  expect(names).not.toContain("src")
  expect(names).not.toContain("test")
})

it("everything that is no code comes along", () => {
  const assets = files.filter((path) => path.startsWith("src/") && !path.endsWith(".ts"))
  const there = readdirSync(join(installed.folder, "dist"), { encoding: "utf8", recursive: true })
  expect(assets.filter((path) => !there.includes(path.replace(/^src\//, "")))).toEqual([])
})

it("another program brings its own engine and settings", () => {
  const spoken = program(`
    import { Effect, Layer, Stream } from "effect"
    import { Settings } from "@aviary-speech/gateway/Settings"
    import { MagpieClient } from "@aviary-speech/gateway/upstream/MagpieClient"

    const program = Effect.gen(function* () {
      const magpie = yield* MagpieClient
      const { port } = yield* Settings
      const pcm = yield* Stream.runCollect(magpie.synthesize({ text: "ok", voice: "Test.EN-US.Tone", language: "en-US", speed: 1 }))
      return [port, pcm.length]
    })
    const layer = Layer.merge(MagpieClient.layerTest(), Settings.layerTest({ port: "81" }))
    console.log(JSON.stringify(await Effect.runPromise(program.pipe(Effect.provide(layer)))))
  `)
  expect(JSON.parse(spoken)).toEqual([81, 2])
})

it("worker threads start from the built files", () => {
  const samples = program(`
    import { Effect, Stream } from "effect"
    import { MagpieClient } from "@aviary-speech/gateway/upstream/MagpieClient"

    const utterance = { text: "Hello there.", voice: "Flite.EN-US.SLT", language: "en-US", speed: 1 }
    const samples = Effect.gen(function* () {
      const magpie = yield* MagpieClient
      return yield* Stream.runFold(magpie.synthesize(utterance), () => 0, (n, pcm) => n + pcm.samples.length)
    })
    console.log(await Effect.runPromise(samples.pipe(Effect.provide(MagpieClient.layerEmbedded))))
  `)
  expect(Number(samples)).toBeGreaterThan(8_000)
})

it("the inside stays inside", () => {
  for (const path of ["workers/WorkerPool", "cli/Cli", "main", "embedded/FliteWorker", "cache/Tape", "http/Delivery"]) {
    expect(program(`import("@aviary-speech/gateway/${path}").catch((error) => console.log(error.code))`)).toBe(
      "ERR_PACKAGE_PATH_NOT_EXPORTED",
    )
  }
})

it("its types are there without our compiler options", () => {
  writeFileSync(
    join(installed.home, "consumer.mts"),
    `import { Speech } from "@aviary-speech/gateway/speech/Speech"
     import type { SpeechRequest } from "@aviary-speech/gateway/speech/SpeechRequest"
     import { MagpieClient } from "@aviary-speech/gateway/upstream/MagpieClient"
     export const request: SpeechRequest["speed"] = 1
     // @ts-expect-error a text is no number
     export const text: SpeechRequest["text"] = 1
     export const programs = [Speech.layer, MagpieClient.layerTest({ supportsSpeed: false })]
     // @ts-expect-error nor is this a boolean
     MagpieClient.layerTest({ supportsSpeed: "no" })
    `,
  )
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", "--skipLibCheck"]
  expect(() =>
    installed.run(join(root, "node_modules", ".bin", "tsc"), ...options, "--types", "", "consumer.mts"),
  ).not.toThrow()
})
