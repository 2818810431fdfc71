import { readFile } from "node:fs/promises"
import { Effect, type Scope } from "effect"
import { createEncoder } from "wasm-media-encoders"
import { type AudioFormat, contentTypeOf } from "./AudioFormat.ts"
import { makeResampler } from "./Resampler.ts"
import { wavHeader, wavHeaderBytes } from "./Wav.ts"

/**
 * Turns mono samples into bytes of one format. The same samples give the same bytes, however they are cut into chunks.
 *
 * Encoding runs on the event loop: callers hand over at most 100 ms of audio at a time (0.7 ms of CPU for 22.05 kHz samples to MP3 at 24 kHz,
 * measured on a 2-core machine) and let other fibers run in between.
 *
 * @property encode the bytes that `samples` complete, possibly none; they belong to the caller
 * @property flush the rest, once, after the last samples
 * @property head for a format whose first bytes tell the length: what they are once all `bytes` of the stream are known.
 * As long as what `encode` began with, which had to leave before anybody knew
 */
export interface Encoder {
  readonly contentType: string
  readonly encode: (samples: Int16Array) => Uint8Array
  readonly flush: () => Uint8Array
  readonly head?: (bytes: number) => Uint8Array
}

/**
 * @property sampleRate Hz of the encoded audio; for MP3 one of its own rates, see `encodedSampleRate`
 * @property inputSampleRate Hz of the samples handed over; absent: the same
 */
export interface EncoderOptions {
  readonly format: AudioFormat
  readonly sampleRate: number
  readonly inputSampleRate?: number | undefined
}

type Codec = Omit<Encoder, "contentType">

const empty = new Uint8Array(0)

/** Typed arrays are little endian on every platform that Node runs on. */
const littleEndian = (samples: Int16Array): Uint8Array =>
  new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength).slice()

const pcmCodec: Codec = { encode: littleEndian, flush: () => empty }

const wavCodec = (sampleRate: number): Codec => {
  let headed = false
  // The header and the first samples go together: Wyoming's bridge reads the rate from the first chunk alone.
  const headOnce = (body: Uint8Array): Uint8Array => {
    if (headed) return body
    headed = true
    const head = wavHeader(sampleRate)
    const bytes = new Uint8Array(head.length + body.length)
    bytes.set(head)
    bytes.set(body, head.length)
    return bytes
  }
  return {
    encode: (samples) => (samples.length === 0 ? empty : headOnce(littleEndian(samples))),
    flush: () => headOnce(empty),
    head: (bytes) => wavHeader(sampleRate, bytes - wavHeaderBytes),
  }
}

// Declared by no library that is included: `DOM` would bring the rest of a browser.
declare const WebAssembly: { readonly compile: (bytes: Uint8Array) => Promise<unknown> }

/** Compiling takes milliseconds, an instance of the compiled module a third of one. */
let lameModule: Promise<unknown> | undefined

const compileLame = async (): Promise<unknown> =>
  WebAssembly.compile(await readFile(new URL(import.meta.resolve("wasm-media-encoders/wasm/mp3"))))

/**
 * Constant bit rate, so that a player can seek, and tell the length from the size, without an index frame: there is none, nor
 * an ID3 tag, since LibreChat glues MP3s together. 64 kbit/s is transparent for mono speech up to 24 kHz.
 */
const makeMp3Codec = async (sampleRate: number): Promise<Codec> => {
  lameModule ??= compileLame()
  const lame = await createEncoder("audio/mpeg", (await lameModule) as Uint8Array)
  lame.configure({ channels: 1, sampleRate, bitrate: sampleRate > 24_000 ? 96 : 64 })
  return {
    // LAME answers a view of its own memory, which the next call overwrites.
    encode: (samples) =>
      samples.length === 0 ? empty : lame.encode([Float32Array.from(samples, (sample) => sample / 32_768)]).slice(),
    flush: () => lame.finalize().slice(),
  }
}

const makeCodec = (format: AudioFormat, sampleRate: number): Effect.Effect<Codec> => {
  switch (format) {
    case "mp3":
      return Effect.promise(() => makeMp3Codec(sampleRate))
    case "wav":
      return Effect.sync(() => wavCodec(sampleRate))
    case "pcm":
      return Effect.succeed(pcmCodec)
  }
}

const join = (head: Uint8Array, tail: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(head.length + tail.length)
  bytes.set(head)
  bytes.set(tail, head.length)
  return bytes
}

/** An encoder for one stream. A codec that does not load is a defect: it ships with the program. */
export const makeEncoder: (options: EncoderOptions) => Effect.Effect<Encoder, never, Scope.Scope> = Effect.fnUntraced(
  function* ({ format, sampleRate, inputSampleRate = sampleRate }) {
    const codec = yield* makeCodec(format, sampleRate)
    const resampler = makeResampler(inputSampleRate, sampleRate)
    return {
      ...codec,
      contentType: contentTypeOf[format],
      encode: (samples) => codec.encode(resampler.process(samples)),
      flush: () => join(codec.encode(resampler.flush()), codec.flush()),
    }
  },
)
