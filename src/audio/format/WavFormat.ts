import { wavHeader, wavHeaderBytes } from "../WavHeader.ts"
import { type Codec, type Format, joined, littleEndian, noBytes } from "./Format.ts"

const makeCodec = (sampleRate: number): Codec => {
  let headed = false
  // The header and the first samples go together: Wyoming's bridge reads the rate from the first chunk alone.
  const headOnce = (body: Uint8Array): Uint8Array => {
    if (headed) return body
    headed = true
    return joined([wavHeader(sampleRate), body])
  }
  return {
    encode: (samples) => (samples.length === 0 ? noBytes : headOnce(littleEndian(samples))),
    flush: () => headOnce(noBytes),
    head: (bytes) => wavHeader(sampleRate, bytes - wavHeaderBytes),
  }
}

/** 16-bit mono behind a header of 44 bytes. */
export const wav: Format = {
  contentType: "audio/wav",
  keepsEngineRate: false,
  makeCodec: async (sampleRate) => makeCodec(sampleRate),
  makeCheapCodec: makeCodec,
}
