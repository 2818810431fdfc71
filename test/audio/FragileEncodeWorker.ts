import { parentPort } from "node:worker_threads"
import type { Told } from "../../src/audio/format/EncodeMessages.ts"

/** Samples that begin with this are the last that the thread sees. */
const deadly = 31_234

const port = parentPort!
const on = port.on.bind(port)
const first = (listener: (told: Told) => void) => (told: Told) => {
  if (told.tag === "encode" && told.samples[0] === deadly) throw new Error("something in it is broken")
  listener(told)
}
port.on = ((name: "message", listener: (told: Told) => void) => on(name, first(listener))) as typeof port.on
await import("../../src/audio/format/EncodeWorker.ts")
