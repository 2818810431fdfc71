import { ConsoleStdout, File, OpenFile, PreopenDirectory, WASI } from "@bjorn3/browser_wasi_shim"
import * as Wasm from "./Wasm.ts"

/**
 * How one run of Flite's program ended.
 *
 * @property speech what it wrote to `/speech.wav`
 * @property printed, complained its lines
 */
export interface FliteRun {
  readonly status: number
  readonly speech: Uint8Array<ArrayBuffer> | undefined
  readonly printed: ReadonlyArray<string>
  readonly complained: ReadonlyArray<string>
}

/** Runs Flite with `options`. A new instance each time: its program cannot be run twice. Not `node:wasi`: it aborts the process after some runs. */
export const runFlite = (flite: Wasm.Module, options: ReadonlyArray<string>): FliteRun => {
  const directory = new PreopenDirectory("/", new Map())
  const printed: Array<string> = []
  const complained: Array<string> = []
  const wasi = new WASI(
    ["flite", ...options],
    [],
    [
      new OpenFile(new File([])),
      ConsoleStdout.lineBuffered((line) => printed.push(line)),
      ConsoleStdout.lineBuffered((line) => complained.push(line)),
      directory,
    ],
    { debug: false },
  )
  const status = wasi.start(Wasm.instantiate(flite, { wasi_snapshot_preview1: wasi.wasiImport }))
  const wav = directory.dir.contents.get("speech.wav")
  return { status, speech: wav instanceof File ? wav.data.slice() : undefined, printed, complained }
}
