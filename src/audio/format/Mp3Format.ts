import { readFile } from "node:fs/promises"
import type { createEncoder } from "wasm-media-encoders"
import { toFloats } from "../WavSamples.ts"
import { type Codec, type Format, noBytes } from "./Format.ts"

// Declared by no library that is included: `DOM` would bring the rest of a browser.
declare const WebAssembly: { readonly compile: (bytes: Uint8Array) => Promise<unknown> }

/**
 * What makes an encoder. Loaded by the thread that encodes alone: the library is a megabyte of text. Compiling takes milliseconds, an instance of what was
 * compiled a third of one.
 */
let library: Promise<() => ReturnType<typeof createEncoder<"audio/mpeg">>> | undefined

const loadLibrary = async () => {
  const [wasm, { createEncoder }] = await Promise.all([
    readFile(new URL(import.meta.resolve("wasm-media-encoders/wasm/mp3"))),
    import("wasm-media-encoders"),
  ])
  const compiled = await WebAssembly.compile(wasm)
  return () => createEncoder("audio/mpeg", compiled as Uint8Array)
}

/** What LAME is given, one for all streams: it copies them into a memory of its own. A new one for each call would be twice the samples to collect. */
let floats = new Float32Array(0)

const asFloats = (samples: Int16Array): Float32Array => {
  if (floats.length < samples.length) floats = new Float32Array(samples.length)
  toFloats(samples, floats)
  return floats.subarray(0, samples.length)
}

/** Encoders that nobody uses, for the next streams: V8 finds out late that one is dead, whose half a megabyte it does not see. */
const idle: Array<Awaited<ReturnType<typeof createEncoder<"audio/mpeg">>>> = []
const mostIdle = 4

const makeCodec = async (sampleRate: number): Promise<Codec> => {
  library ??= loadLibrary()
  const lame = idle.pop() ?? (await (await library)())
  // It begins anew, wherever the stream before was left.
  lame.configure({ channels: 1, sampleRate, bitrate: sampleRate > 24_000 ? 96 : 64 })
  return {
    // LAME answers a view of its own memory, which the next call overwrites.
    encode: (samples) => (samples.length === 0 ? noBytes : lame.encode([asFloats(samples)]).slice()),
    flush: () => lame.finalize().slice(),
    close: () => {
      if (idle.length < mostIdle) idle.push(lame)
    },
  }
}

/**
 * Constant bit rate, so that a player can seek, and tell the length from the size, without an index frame: there is none, nor
 * an ID3 tag, since LibreChat glues MP3s together. 64 kbit/s is transparent for mono speech up to 24 kHz.
 */
export const mp3: Format = {
  contentType: "audio/mpeg",
  /** MPEG-1, 2 and 2.5 layer III. */
  sampleRates: [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000],
  keepsEngineRate: true,
  makeCodec,
}
