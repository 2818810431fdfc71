import { toFloats } from "../WavSamples.ts"
import { loadProgram } from "./Mediabunny.ts"
import { type Codec, type Format, joined } from "./Format.ts"
import { makeFrames } from "./Frames.ts"

/** FFmpeg's encoder. Pointers are numbers; a context is one stream. */
interface Aac {
  readonly HEAPU8: Uint8Array
  readonly _init_encoder: (channels: number, sampleRate: number, bitrate: number) => number
  readonly _get_encoder_frame_size: (context: number) => number
  readonly _get_encode_input_ptr: (context: number, bytes: number) => number
  readonly _send_frame: (context: number, timestamp: bigint) => number
  readonly _receive_packet: (context: number) => number
  readonly _get_encoded_data: (context: number) => number
  readonly _flush_encoder_start: (context: number) => void
  readonly _close_encoder: (context: number) => void
}

let loading: Promise<Aac> | undefined
const load = async () => (await loadProgram<Aac>("@mediabunny/aac-encoder", "aac"))()

/** Hz by their number in a header. ISO/IEC 14496-3, table 1.18. */
const rates = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350]

const headerBytes = 7

/** The header of one frame: AAC-LC, mono, no checksum, of `length` bytes with the header. ISO/IEC 14496-3, 1.A.2.2. */
const adtsHeader = (rate: number, length: number): Uint8Array =>
  Uint8Array.of(
    0xff,
    0xf1,
    0x40 | (rate << 2),
    0x40 | (length >> 11),
    (length >> 3) & 0xff,
    ((length & 7) << 5) | 0x1f,
    0xfc,
  )

const bitrateOf = (sampleRate: number): number => (sampleRate > 24_000 ? 96_000 : sampleRate < 16_000 ? 32_000 : 64_000)

const makeCodec = async (sampleRate: number): Promise<Codec> => {
  const aac = await (loading ??= load())
  const context = aac._init_encoder(1, sampleRate, bitrateOf(sampleRate))
  if (context === 0) throw new Error(`the AAC encoder takes no ${sampleRate} Hz`)
  const rate = rates.indexOf(sampleRate)
  const size = aac._get_encoder_frame_size(context)
  const frames = makeFrames(size)
  let timestamp = 0

  const packets = (out: Array<Uint8Array>) => {
    for (let length = aac._receive_packet(context); length !== 0; length = aac._receive_packet(context)) {
      if (length < 0) throw new Error(`the AAC encoder failed with ${length}`)
      const at = aac._get_encoded_data(context)
      out.push(adtsHeader(rate, length + headerBytes), aac.HEAPU8.slice(at, at + length))
    }
  }
  const send = (out: Array<Uint8Array>) => (frame: Int16Array) => {
    const input = aac._get_encode_input_ptr(context, size * 4)
    toFloats(frame, new Float32Array(aac.HEAPU8.buffer, input, size))
    const status = aac._send_frame(context, BigInt(timestamp))
    if (status < 0) throw new Error(`the AAC encoder failed with ${status}`)
    timestamp += size
    packets(out)
  }

  return {
    encode: (samples) => {
      const out: Array<Uint8Array> = []
      frames.push(samples, send(out))
      return joined(out)
    },
    flush: () => {
      const out: Array<Uint8Array> = []
      frames.fill(send(out))
      // Without a frame there is nothing to drain.
      if (timestamp > 0) aac._flush_encoder_start(context)
      if (timestamp > 0) packets(out)
      return joined(out)
    },
    close: () => aac._close_encoder(context),
  }
}

/** AAC-LC in ADTS: frames that each tell their rate and length, so that it can be streamed and joined anywhere. */
export const aac: Format = {
  contentType: "audio/aac",
  sampleRates: [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000],
  keepsEngineRate: true,
  makeCodec,
}
