import { createHash } from "node:crypto"
import { type Codec, type Format, joined, littleEndian, noBytes } from "./Format.ts"
import { loadProgram, type Program } from "./Mediabunny.ts"

/** libFLAC, level 5. Pointers are numbers; a context is one stream. */
interface Flac {
  readonly HEAPU8: Uint8Array
  readonly _init_encoder: (channels: number, sampleRate: number, bits: number) => number
  readonly _get_encode_input_ptr: (context: number, bytes: number) => number
  readonly _send_samples: (context: number, samples: number) => number
  readonly _get_output_data: (context: number) => number
  readonly _get_frame_count: (context: number) => number
  readonly _get_frame_size: (context: number, index: number) => number
  readonly _get_header_data: (context: number) => number
  readonly _get_header_size: (context: number) => number
  readonly _finish_encoder: (context: number) => number
}

// One for each stream: a context cannot be freed, and one that is used again forgets its rate.
let loading: Promise<Program<Flac>> | undefined

/** Where STREAMINFO begins in a file: behind "fLaC" and the header of the block. RFC 9639, 8.2. */
const infoAt = 8

/** The header of a stream once it is known: frame sizes, the number of samples, and MD5 of the samples. */
const complete = (
  header: Uint8Array,
  frames: { readonly smallest: number; readonly largest: number },
  samples: number,
  md5: Uint8Array,
): Uint8Array => {
  const bytes = header.slice()
  const view = new DataView(bytes.buffer, infoAt)
  const set24 = (at: number, value: number) => {
    view.setUint8(at, value >> 16)
    view.setUint16(at + 1, value & 0xffff)
  }
  set24(4, samples === 0 ? 0 : frames.smallest)
  set24(7, frames.largest)
  // 36 bits, the upper four of which share a byte with the sample size.
  view.setUint8(13, (view.getUint8(13) & 0xf0) | Math.floor(samples / 2 ** 32))
  view.setUint32(14, samples >>> 0)
  bytes.set(md5, infoAt + 18)
  return bytes
}

const makeCodec = async (sampleRate: number): Promise<Codec> => {
  const flac = await (await (loading ??= loadProgram<Flac>("@mediabunny/flac-encoder", "flac")))()
  const context = flac._init_encoder(1, sampleRate, 16)
  if (context === 0) throw new Error(`libFLAC takes no ${sampleRate} Hz`)
  const headerAt = flac._get_header_data(context)
  const header = flac.HEAPU8.slice(headerAt, headerAt + flac._get_header_size(context))
  const md5 = createHash("md5")
  const frames = { smallest: 2 ** 24 - 1, largest: 0 }
  let samples = 0
  let headed = false

  const frame = () => {
    const sizes = Array.from({ length: flac._get_frame_count(context) }, (_, i) => flac._get_frame_size(context, i))
    for (const size of sizes) {
      frames.smallest = Math.min(frames.smallest, size)
      frames.largest = Math.max(frames.largest, size)
    }
    const at = flac._get_output_data(context)
    const body = flac.HEAPU8.slice(at, at + sizes.reduce((sum, size) => sum + size, 0))
    if (headed) return body
    headed = true
    return joined([header, body])
  }
  return {
    encode: (chunk) => {
      if (chunk.length === 0) return noBytes
      samples += chunk.length
      md5.update(littleEndian(chunk))
      const input = flac._get_encode_input_ptr(context, chunk.length * 4)
      const wide = new Int32Array(flac.HEAPU8.buffer, input, chunk.length)
      for (let i = 0; i < chunk.length; i++) wide[i] = chunk[i]! << 16
      if (flac._send_samples(context, chunk.length) < 0) throw new Error("libFLAC did not take the samples")
      return frame()
    },
    flush: () => {
      if (flac._finish_encoder(context) < 0) throw new Error("libFLAC did not finish")
      return frame()
    },
    head: () => complete(header, frames, samples, md5.copy().digest()),
  }
}

/**
 * Lossless, 16-bit mono. The header leaves with the first samples and says nothing of an end; the entry of the cache begins with one that
 * says how long it is.
 */
export const flac: Format = {
  contentType: "audio/flac",
  sampleRates: [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000],
  keepsEngineRate: true,
  makeCodec,
}
