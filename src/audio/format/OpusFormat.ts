import { createRequire } from "node:module"
import { type Codec, type Format, joined } from "./Format.ts"
import { makeFrames } from "./Frames.ts"
import { makeOggPages } from "./OggPages.ts"

interface OpusEncoder {
  readonly ctl: (request: number, value?: number) => number
  readonly encode: (samples: Int16Array) => Uint8Array
  readonly drop: () => void
}
type Opus = {
  readonly Encoder: new (options: { channels: 1; sample_rate: number; application: "voip" }) => OpusEncoder
}

let library: Opus | undefined

// Its WebAssembly build: the native one would take the process with it where it crashes, and is not there on every platform.
const load = (): Opus => createRequire(import.meta.url)("@evan/opus/wasm/index.js") as Opus

/** Requests of opus_defines.h. */
const [setBitrate, getLookahead] = [4002, 4027]

const bitrate = 32_000

/** Packets of 20 ms. */
const packetsASecond = 50

/** Hz in which Ogg counts Opus, whatever the rate. RFC 7845, 4. */
const clock = 48_000

/** Packets on one page at most: each page has some 30 bytes of its own. The first pages have fewer, so that they leave at once. */
const fullPage = 5

const header = (preSkip: number, sampleRate: number): Uint8Array => {
  const bytes = Buffer.alloc(19)
  bytes.write("OpusHead", "latin1")
  // Version 1, one channel.
  bytes.set([1, 1], 8)
  bytes.writeUInt16LE(preSkip, 10)
  bytes.writeUInt32LE(sampleRate, 12)
  return bytes
}

const tags = (): Uint8Array => {
  const vendor = "Aviary"
  const bytes = Buffer.alloc(16 + vendor.length)
  bytes.write("OpusTags", "latin1")
  bytes.writeUInt32LE(vendor.length, 8)
  bytes.write(vendor, 12, "latin1")
  return bytes
}

const makeCodec = async (sampleRate: number): Promise<Codec> => {
  library ??= load()
  const encoder = new library.Encoder({ channels: 1, sample_rate: sampleRate, application: "voip" })
  encoder.ctl(setBitrate, bitrate)
  const lookahead = encoder.ctl(getLookahead)
  const ticks = clock / sampleRate
  const size = sampleRate / packetsASecond
  const frames = makeFrames(size)
  const page = makeOggPages()
  const preSkip = lookahead * ticks
  let samples = 0
  let encoded = 0
  let end = Infinity
  let pages = 0
  let waiting: Array<Uint8Array> = []

  const headers = () => [page([header(preSkip, sampleRate)], 0), page([tags()], 0)]
  const encodeInto = (out: Array<Uint8Array>) => (frame: Int16Array) => {
    if (pages === 0 && waiting.length === 0) out.push(...headers())
    waiting.push(encoder.encode(frame))
    encoded += size
    if (waiting.length < Math.min(pages + 1, fullPage) || encoded === end) return
    out.push(page(waiting, encoded * ticks))
    pages += 1
    waiting = []
  }

  return {
    encode: (chunk) => {
      const out: Array<Uint8Array> = []
      samples += chunk.length
      frames.push(chunk, encodeInto(out))
      return joined(out)
    },
    flush: () => {
      const out: Array<Uint8Array> = []
      // Silence pushes out what the encoder still holds. The last page says where in it the speech ends.
      end = Math.ceil((samples + lookahead) / size) * size
      frames.push(new Int16Array(end - samples), encodeInto(out))
      out.push(page(waiting, preSkip + samples * ticks, true))
      return joined(out)
    },
    close: () => encoder.drop(),
  }
}

/** Opus in Ogg at 32 kbit/s, as long as the speech to the sample. RFC 7845, 9, has `audio/ogg` for it. */
export const opus: Format = {
  contentType: "audio/ogg",
  sampleRates: [8_000, 12_000, 16_000, 24_000, 48_000],
  keepsEngineRate: false,
  makeCodec,
}
