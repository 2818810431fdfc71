/** Hz of a format unless a client asks for another rate: OpenAI's, which players of headerless audio assume. */
export const defaultSampleRate = 24_000

/**
 * Turns mono samples of one rate into bytes. The same samples give the same bytes, however they are cut into chunks.
 *
 * @property encode the bytes that `samples` complete, possibly none; they belong to the caller
 * @property flush the rest, once, after the last samples
 * @property head for a format whose first bytes tell the length: what they are once all `bytes` of the stream are known.
 * As long as what `encode` began with, which had to leave before anybody knew
 * @property close frees what it holds beyond the reach of the garbage collector; may be called at any time, once
 */
export interface Codec {
  readonly encode: (samples: Int16Array) => Uint8Array
  readonly flush: () => Uint8Array
  readonly head?: (bytes: number) => Uint8Array
  readonly close?: () => void
}

/**
 * All that the gateway knows of one output format. A new one is a file like its neighbours and a row of `formats`.
 *
 * @property contentType `application/octet-stream` would cost Open WebUI a transcode
 * @property sampleRates Hz that it can have, where it cannot have every one from 8,000 to 48,000
 * @property keepsEngineRate whether it has the engine's own rate where a client asks for none: every player reads it from the bytes
 * @property makeCodec for `sampleRate` Hz. A codec that does not load is a defect: it ships with the program
 * @property makeCheapCodec the same at once, where samples leave as they come, behind a header at most
 */
export interface Format {
  readonly contentType: string
  readonly sampleRates?: ReadonlyArray<number>
  readonly keepsEngineRate: boolean
  readonly makeCodec: (sampleRate: number) => Promise<Codec>
  readonly makeCheapCodec?: (sampleRate: number) => Codec
}

export const noBytes = new Uint8Array(0)

/** Typed arrays are little endian on every platform that Node runs on. */
export const littleEndian = (samples: Int16Array): Uint8Array =>
  new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)

/** All of them, one after the other. */
export const joined = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  if (parts.length === 1) return parts[0]!
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
