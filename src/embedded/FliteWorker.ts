import "../workers/StandBack.ts"
import { workerData } from "node:worker_threads"
import { serve } from "../workers/WorkerServer.ts"
import { FliteRpcs } from "./FliteRpcs.ts"
import { runFlite } from "./FliteProgram.ts"
import type * as Wasm from "./Wasm.ts"
import { attempt } from "./WorkFailed.ts"

const { flite } = workerData as { readonly flite: Wasm.Module }
const headerBytes = 44

const say = (text: string, voice: string, ssml: boolean): Uint8Array<ArrayBuffer> => {
  const run = runFlite(flite, [...(ssml ? ["-ssml"] : []), "-voice", voice, "-t", text, "-o", "/speech.wav"])
  if (run.status !== 0 || run.speech === undefined || run.speech.length < headerBytes) {
    throw new Error(run.complained.join(" ") || `flite ended with status ${run.status}`)
  }
  return run.speech.subarray(headerBytes)
}

serve(
  FliteRpcs,
  FliteRpcs.toLayer({
    Say: ({ ssml, text, voice }) => attempt(() => say(text, voice, ssml)),
  }),
)
