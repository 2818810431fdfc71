import { parentPort } from "node:worker_threads"
import type { Encoded, Told } from "./EncodeMessages.ts"
import { makeEncoder } from "./Encoder.ts"
import type { Codec } from "./Format.ts"
import { ForgetfulMap } from "../../collections/Forgetful.ts"

// No Effect here: a thread of this kind starts in a tenth of the time, and each gateway keeps some. What is thrown ends the
// thread: of a program that failed within its own memory nobody knows what it does next.

interface Stream {
  encoder: Codec | undefined
  readonly opening: Promise<Codec>
  bytes: number
}

const streams = new ForgetfulMap<number, Stream>()
const port = parentPort!

const answer = (answered: Encoded) => port.postMessage(answered, [answered.bytes.buffer])

/** Bytes of its own, so that they can be handed over. */
const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> =>
  bytes.byteLength === bytes.buffer.byteLength && bytes.buffer instanceof ArrayBuffer && bytes.length > 0
    ? (bytes as Uint8Array<ArrayBuffer>)
    : new Uint8Array(bytes)

/** Gives the memory of `samples` back at once: a thread that allocates next to nothing else collects after some megabytes of them. */
const encoded = (encoder: Codec, samples: Int16Array<ArrayBuffer>) => {
  const bytes = owned(encoder.encode(samples))
  if (bytes.buffer !== samples.buffer) samples.buffer.transfer(0)
  return bytes
}

const open = (id: number, opening: Promise<Codec>) => {
  const stream: Stream = { encoder: undefined, opening, bytes: 0 }
  streams.set(id, stream)
  return opening.then((encoder) => {
    if (streams.get(id) === stream) stream.encoder = encoder
    else encoder.close?.()
  })
}

const work = async (told: Told): Promise<void> => {
  if (told.tag === "open") return open(told.id, makeEncoder(told.options))
  const stream = streams.get(told.id)
  if (stream === undefined) return
  if (told.tag === "close") {
    streams.delete(told.id)
    return stream.encoder?.close?.()
  }
  const encoder = stream.encoder ?? (await stream.opening)
  if (!streams.has(told.id)) return
  const bytes = told.tag === "encode" ? encoded(encoder, told.samples) : owned(encoder.flush())
  stream.bytes += bytes.length
  const head = told.tag === "flush" ? encoder.head?.(stream.bytes) : undefined
  answer({ id: told.id, bytes, head: head === undefined ? undefined : new Uint8Array(head) })
}

port.on("message", (told: Told) => {
  // An unhandled rejection ends the thread.
  void work(told)
})

// The first samples of a format compile what they run, 50 to 80 ms. Nobody waits for those of the default; the others, which take 27 MiB
// together, are for whoever asks for them.
const encoder = await makeEncoder({ format: "mp3", sampleRate: 24_000, inputSampleRate: 22_050, speed: 1.25 })
encoder.encode(Int16Array.from({ length: 4_410 }, (_, at) => ((at * 7_919) % 4_001) - 2_000))
encoder.flush()
encoder.close?.()
