import "../workers/StandBack.ts"
import { ConsoleStdout, File, OpenFile, PreopenDirectory, WASI } from "@bjorn3/browser_wasi_shim"
import { Effect } from "effect"
import { workerData } from "node:worker_threads"
import { serve } from "../workers/WorkerServer.ts"
import { FliteFailed, FliteRpcs } from "./FliteRpcs.ts"
import * as Wasm from "./Wasm.ts"

const { flite } = workerData as { readonly flite: Wasm.Module }
const headerBytes = 44

// A new instance per call: Flite's program cannot be run twice. Not `node:wasi`: it aborts the process after some runs.
const say = (text: string, voice: string, speed: number): Uint8Array<ArrayBuffer> => {
  const directory = new PreopenDirectory("/", new Map())
  const complaints: Array<string> = []
  const silent = ConsoleStdout.lineBuffered(() => {})
  const wasi = new WASI(
    ["flite", "--setf", `duration_stretch=${1 / speed}`, "-voice", voice, "-t", text, "-o", "/speech.wav"],
    [],
    [new OpenFile(new File([])), silent, ConsoleStdout.lineBuffered((line) => complaints.push(line)), directory],
    { debug: false },
  )
  const instance = Wasm.instantiate(flite, { wasi_snapshot_preview1: wasi.wasiImport })
  const status = wasi.start(instance)
  const wav = directory.dir.contents.get("speech.wav")
  if (status !== 0 || !(wav instanceof File) || wav.data.length < headerBytes) {
    throw new Error(complaints.join(" ") || `flite ended with status ${status}`)
  }
  return wav.data.slice(headerBytes)
}

serve(
  FliteRpcs,
  FliteRpcs.toLayer({
    Say: ({ speed, text, voice }) =>
      Effect.try({
        try: () => say(text, voice, speed),
        catch: (cause) => new FliteFailed({ message: cause instanceof Error ? cause.message : String(cause) }),
      }),
  }),
)
