import { FLACDecoder } from "@wasm-audio-decoders/flac"
import { OggVorbisDecoder } from "@wasm-audio-decoders/ogg-vorbis"
import { MPEGDecoder } from "mpg123-decoder"
import { type AudioSource, mixDown } from "./AudioSource.ts"
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
 * @property blockBytes how much is decoded at a time. A FLAC or Vorbis frame of a dozen bytes can hold a second of
 * silence, so their blocks are small: 2 KiB are at most some 90 MB of samples.
 */
const decoders = {
  mp3: { blockBytes: 16_384, make: (): StreamDecoder => new MPEGDecoder() },
  flac: { blockBytes: 2_048, make: (): StreamDecoder => new FLACDecoder() },
  "ogg-flac": { blockBytes: 2_048, make: (): StreamDecoder => new FLACDecoder() },
  "ogg-vorbis": { blockBytes: 2_048, make: (): StreamDecoder => new OggVorbisDecoder() },
}

/** Formats whose decoder finds the frames itself. */
export async function* streamSource(read: ReadAt, container: keyof typeof decoders): AudioSource {
  const { blockBytes, make } = decoders[container]
  const decoder = make()
  await decoder.ready
  const piece = (audio: Audio) => ({
    sampleRate: audio.sampleRate,
    samples: mixDown(audio.channelData, audio.samplesDecoded),
    damaged: audio.errors.length,
  })
  try {
    for (let offset = 0; ; offset += blockBytes) {
      const bytes = read(offset, blockBytes)
      if (bytes.length === 0) break
      yield piece(await decoder.decode(bytes))
    }
    if (decoder.flush !== undefined) yield piece(await decoder.flush())
  } finally {
    decoder.free()
  }
}
