import { Result, Schema } from "effect"
import { highestSampleRate, lowestSampleRate } from "./InputLimits.ts"

/**
 * Where the samples of a WAV file are and how they are written.
 *
 * @property sampleRate Hz
 * @property frameBytes bytes of one sample of every channel
 * @property dataOffset bytes before the first sample
 * @property dataBytes declared length of the samples; absent: until the end of the file
 */
export interface WavLayout {
  readonly encoding: "integer" | "float" | "mulaw" | "alaw"
  readonly bits: number
  readonly channels: number
  readonly sampleRate: number
  readonly frameBytes: number
  readonly dataOffset: number
  readonly dataBytes: number | undefined
}

/**
 * Why bytes are no WAV that can be read: `NotWav` at all, `Truncated` before the samples, `Compressed`, or an `Unsupported` encoding.
 * A reader that has only the head of a stream so far reads on after `Truncated`.
 */
export class WavError extends Schema.TaggedError<WavError>()("WavError", {
  reason: Schema.Literals(["NotWav", "Truncated", "Compressed", "Unsupported"]),
  message: Schema.String,
}) {}

const fail = (reason: WavError["reason"], message: string) => Result.fail(new WavError({ reason, message }))

/** More than any recorder writes, and few enough that a file of empty chunks costs no time. */
const maxChunks = 256

const ascii = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

type Format = Omit<WavLayout, "dataOffset" | "dataBytes">

const encodings = new Map<number, { readonly encoding: WavLayout["encoding"]; readonly bits: ReadonlyArray<number> }>([
  [1, { encoding: "integer", bits: [8, 16, 24, 32] }],
  [3, { encoding: "float", bits: [32, 64] }],
  [6, { encoding: "alaw", bits: [8] }],
  [7, { encoding: "mulaw", bits: [8] }],
])

/** Codes of MS ADPCM, IMA ADPCM, Yamaha ADPCM, GSM 6.10, G.726 (two), MPEG layers I and II, MP3, G.722 and AAC. */
const compressed = new Set([0x02, 0x11, 0x20, 0x31, 0x45, 0x64, 0x50, 0x55, 0x28f, 0xff])

const parseFormat = (chunk: Uint8Array): Result.Result<Format, WavError> => {
  if (chunk.length < 16) return fail("Truncated", "The fmt chunk of the WAV file is cut off.")
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
  const tag = view.getUint16(0, true)
  // WAVE_FORMAT_EXTENSIBLE: the first two bytes of the sub-format's GUID are the format proper.
  const code = tag === 0xfffe && chunk.length >= 26 ? view.getUint16(24, true) : tag
  const channels = view.getUint16(2, true)
  const sampleRate = view.getUint32(4, true)
  const bits = view.getUint16(14, true)
  const known = encodings.get(code)
  if (known === undefined || !known.bits.includes(bits)) {
    const reason = compressed.has(code) ? "Compressed" : "Unsupported"
    return fail(reason, `WAV with format code ${code} and ${bits} bits per sample cannot be read.`)
  }
  if (channels < 1 || channels > 32 || sampleRate < lowestSampleRate || sampleRate > highestSampleRate) {
    return fail("Unsupported", `WAV with ${channels} channels at ${sampleRate} Hz cannot be read.`)
  }
  // The block alignment of the header is often wrong and never needed.
  return Result.succeed({ encoding: known.encoding, bits, channels, sampleRate, frameBytes: (channels * bits) / 8 })
}

/**
 * Finds the samples of a WAV file. Hostile bytes give a `WavError`, never an exception.
 *
 * @param read answers the bytes from `offset`, as many as there are up to `length`
 */
export const parseWav = (read: (offset: number, length: number) => Uint8Array): Result.Result<WavLayout, WavError> => {
  const riff = read(0, 12)
  if (riff.length < 12) return fail("Truncated", "The WAV file is shorter than its header.")
  const form = ascii(riff.subarray(0, 4))
  if ((form !== "RIFF" && form !== "RF64") || ascii(riff.subarray(8, 12)) !== "WAVE") {
    return fail("NotWav", "The file does not begin as a WAV file.")
  }
  let format: Format | undefined
  let offset = 12
  for (let chunk = 0; chunk < maxChunks; chunk++) {
    const head = read(offset, 8)
    if (head.length < 8) return fail("Truncated", "The WAV file ends before its samples.")
    const id = ascii(head.subarray(0, 4))
    const size = new DataView(head.buffer, head.byteOffset, 8).getUint32(4, true)
    offset += 8
    if (id === "data") {
      if (format === undefined) return fail("Unsupported", "The WAV file has samples before it says what they are.")
      // Streams are written with a size of 0 or of all ones, which both mean "until the end"; RF64 keeps its size elsewhere.
      return Result.succeed({
        ...format,
        dataOffset: offset,
        dataBytes: size === 0 || size >= 0xffff_fff0 ? undefined : size,
      })
    }
    if (id === "fmt ") {
      const parsed = parseFormat(read(offset, Math.min(size, 40)))
      if (Result.isFailure(parsed)) return Result.fail(parsed.failure)
      format = parsed.success
    }
    offset += size + (size & 1)
  }
  return fail("Unsupported", `The WAV file has more than ${maxChunks} chunks.`)
}
