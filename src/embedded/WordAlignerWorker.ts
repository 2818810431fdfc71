import "../workers/StandBack.ts"
import { recordingSampleRate } from "../audio/Recording.ts"
import { serve } from "../workers/WorkerServer.ts"
import { loadFlite } from "./FliteModule.ts"
import { makePronouncer } from "./Pronouncer.ts"
import { openRecording, readSamples } from "./Stretches.ts"
import { makeWordAligner } from "./WordAlignment.ts"
import { WordAlignerRpcs } from "./WordAlignerRpcs.ts"
import { attempt } from "./WorkFailed.ts"

const samplesPerMs = recordingSampleRate / 1_000

// The one thing that takes half a second, so it is made once; a call that fails leaves it whole.
const aligner = loadFlite().then((flite) => makeWordAligner(makePronouncer(flite)))

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
    Align: ({ from, path, text, to }) => attempt(() => align(path, from, to, text)),
  }),
)
