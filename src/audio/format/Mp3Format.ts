import { readFile } from "node:fs/promises"
import { createEncoder } from "wasm-media-encoders"
import { type Codec, type Format, noBytes } from "./Format.ts"

// Declared by no library that is included: `DOM` would bring the rest of a browser.
declare const WebAssembly: { readonly compile: (bytes: Uint8Array) => Promise<unknown> }

/** Compiling takes milliseconds, an instance of the compiled module a third of one. */
let lameModule: Promise<unknown> | undefined

const compileLame = async (): Promise<unknown> =>
  WebAssembly.compile(await readFile(new URL(import.meta.resolve("wasm-media-encoders/wasm/mp3"))))

const makeCodec = async (sampleRate: number): Promise<Codec> => {
  lameModule ??= compileLame()
  const lame = await createEncoder("audio/mpeg", (await lameModule) as Uint8Array)
  lame.configure({ channels: 1, sampleRate, bitrate: sampleRate > 24_000 ? 96 : 64 })
  return {
    // LAME answers a view of its own memory, which the next call overwrites.
    encode: (samples) =>
      samples.length === 0 ? noBytes : lame.encode([Float32Array.from(samples, (sample) => sample / 32_768)]).slice(),
    flush: () => lame.finalize().slice(),
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
