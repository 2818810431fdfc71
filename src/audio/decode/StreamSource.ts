import { FLACDecoder } from "@wasm-audio-decoders/flac"
import { OggVorbisDecoder } from "@wasm-audio-decoders/ogg-vorbis"
import { MPEGDecoder } from "mpg123-decoder"
import { checkDeclared } from "../InputLimits.ts"
import type { AudioSource } from "./AudioSource.ts"
import type { ReadAt } from "./Container.ts"

/** What the three decoders have in common: bytes in, planar floats out. */
interface StreamDecoder {
  readonly ready: Promise<void>
  readonly decode: (bytes: Uint8Array) => Audio | Promise<Audio>
  readonly flush?: () => Promise<Audio>
  readonly free: () => void
}

interface Audio {
  readonly channelData: ReadonlyArray<Float32Array>
  readonly samplesDecoded: number
  readonly sampleRate: number
  readonly errors: ReadonlyArray<unknown>
}

/**
 * @property blockBytes how much is decoded at a time. A FLAC or Vorbis frame of a dozen bytes or less can hold thousands of
 * samples of silence in each of eight channels, so their blocks are small: at most some 70 MB of samples come of one.
 */
const decoders = {
  mp3: { blockBytes: 16_384, make: (): StreamDecoder => new MPEGDecoder() },
  flac: { blockBytes: 512, make: (): StreamDecoder => new FLACDecoder() },
  "ogg-flac": { blockBytes: 512, make: (): StreamDecoder => new FLACDecoder() },
  "ogg-vorbis": { blockBytes: 1_024, make: (): StreamDecoder => new OggVorbisDecoder() },
}

const vorbisHead = Buffer.from("\u0001vorbis")

/**
 * Throws a `DecodeError` if a Vorbis stream that begins within `bytes` has more channels, or another rate, than any file
 * needs. Its decoder believes whatever the header says. There can be one in any page, and of a header in two pieces it
 * reads nothing.
 */
const checkVorbisHeads = (read: ReadAt, offset: number, bytes: Uint8Array): void => {
  const some = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = some.indexOf(vorbisHead); at >= 0; at = some.indexOf(vorbisHead, at + 1)) {
    const head = read(offset + at, 16)
    if (head.length < 16) return
    const view = new DataView(head.buffer, head.byteOffset)
    checkDeclared({ channels: head[11]!, sampleRate: view.getUint32(12, true) })
  }
}

/** Formats whose decoder finds the frames itself. */
export async function* streamSource(read: ReadAt, container: keyof typeof decoders): AudioSource {
  const { blockBytes, make } = decoders[container]
  const decoder = make()
  await decoder.ready
  const piece = (audio: Audio) => ({
    sampleRate: audio.sampleRate,
    channels: audio.channelData.map((channel) => channel.subarray(0, audio.samplesDecoded)),
    damaged: audio.errors.length,
  })
  try {
    for (let offset = 0; ; offset += blockBytes) {
      const bytes = read(offset, blockBytes)
      if (bytes.length === 0) break
      // A head may lie across the end of a block.
      if (container === "ogg-vorbis") checkVorbisHeads(read, offset, read(offset, blockBytes + vorbisHead.length - 1))
      yield piece(await decoder.decode(bytes))
    }
    if (decoder.flush !== undefined) yield piece(await decoder.flush())
  } finally {
    decoder.free()
  }
}
