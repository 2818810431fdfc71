import { Result, type Stream } from "effect"
import type { Pcm } from "../audio/Pcm.ts"
import { throughPieces } from "../audio/Pieces.ts"
import { parseWav, type WavLayout } from "../audio/Wav.ts"
import { channelSamples, toInt16 } from "../audio/WavSamples.ts"
import { EngineCut, type EngineFailure, EngineMalformed } from "./EngineFailure.ts"

// A header is read once this much is there, so that none is judged by half of it; no speech is as short.
const headerStart = 68

// More than any sane preamble: a WAV whose samples have not begun by then is none.
const headerLimit = 65_536

const malformed = (message: string) => Result.fail(new EngineMalformed({ message }))

/** Undefined: the bytes so far do not reach the samples. */
const readWavStart = (bytes: Buffer): Result.Result<WavLayout | undefined, EngineMalformed> => {
  if (bytes.length < headerStart) return Result.succeed(undefined)
  const layout = parseWav((offset, length) => bytes.subarray(offset, offset + length))
  if (Result.isFailure(layout))
    return layout.failure.reason === "Truncated" && bytes.length < headerLimit
      ? Result.succeed(undefined)
      : malformed(layout.failure.message)
  return Result.succeed(layout.success)
}

// A writer that cannot seek back leaves a size that no speech has.
const declaredBytes = ({ dataBytes }: WavLayout) =>
  dataBytes === undefined || dataBytes >= 0x7fff_0000 ? Number.POSITIVE_INFINITY : dataBytes

const looksLikeWav = (bytes: Buffer) =>
  bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WAVE"

// A network chunk starts at any offset of its memory, an `Int16Array` only at an even one. That memory is written once, so it need not be copied:
// copies are what most collections of garbage are about.
const toSamples = (bytes: Buffer): Int16Array => {
  if (bytes.byteOffset % 2 === 0) return new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
  const samples = new Int16Array(bytes.length / 2)
  Buffer.from(samples.buffer).set(bytes)
  return samples
}

/** What Magpie itself sends. Other servers' engines think in floating point, and some answer in that, or on two channels. */
const isPlain = ({ bits, channels, encoding }: WavLayout) => encoding === "integer" && bits === 16 && channels === 1

const mixed = (layout: WavLayout, bytes: Uint8Array): Int16Array => {
  const channels = channelSamples(layout, bytes)
  const mono = new Int16Array(channels[0]!.length)
  for (let i = 0; i < mono.length; i++) {
    let sum = 0
    for (const samples of channels) sum += samples[i]!
    mono[i] = toInt16((sum / channels.length) * 32_768)
  }
  return mono
}

/** How the bytes that follow are to be read: frames of so many bytes, until `wanted` of them are there. */
interface Format {
  readonly sampleRate: number
  readonly wanted: number
  readonly frameBytes: number
  readonly samplesOf: (bytes: Buffer) => Int16Array
}

const formatOf = (layout: WavLayout): Format => ({
  sampleRate: layout.sampleRate,
  wanted: declaredBytes(layout),
  frameBytes: layout.frameBytes,
  samplesOf: isPlain(layout) ? toSamples : (bytes) => mixed(layout, bytes),
})

/**
 * @property rawSampleRate Hz of headerless samples
 * @property needWav whether headerless samples are refused
 * @property needLength whether an answer is refused that does not say how long it is: where its end can not be told from a broken
 *   connection, half of it would look whole
 */
export interface PcmReaderOptions {
  readonly rawSampleRate: number
  readonly needWav: boolean
  readonly needLength?: boolean
}

/**
 * Reads what Magpie sends, in pieces of any length: headerless signed 16-bit little endian samples, or a WAV, told by
 * its first bytes whatever the route promised.
 */
export const makePcmReader = ({ needLength = false, needWav, rawSampleRate }: PcmReaderOptions) => {
  let held: Buffer = Buffer.alloc(0)
  let format: Format | undefined
  let taken = 0

  const know = (known: Format): Result.Result<boolean, EngineMalformed> => {
    if (needLength && !Number.isFinite(known.wanted))
      return malformed("its answer has neither a length nor chunks, so half of it would look whole")
    format = known
    return Result.succeed(true)
  }

  const begin = (): Result.Result<boolean, EngineMalformed> => {
    if (held.length < 12 && "RIFF".startsWith(held.toString("latin1", 0, 4))) return Result.succeed(false)
    if (!looksLikeWav(held)) {
      if (needWav) return malformed("its answer is no WAV")
      return know({
        sampleRate: rawSampleRate,
        wanted: Number.POSITIVE_INFINITY,
        frameBytes: 2,
        samplesOf: toSamples,
      })
    }
    return Result.flatMap(readWavStart(held), (start) => {
      if (start === undefined) return Result.succeed(false)
      held = held.subarray(start.dataOffset)
      return know(formatOf(start))
    })
  }

  return {
    /** The samples that `bytes` completes, possibly none. Their memory is the samples' from then on. */
    push: (bytes: Uint8Array): Result.Result<Pcm | undefined, EngineMalformed> => {
      held =
        held.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([held, bytes])
      if (format === undefined) {
        const begun = begin()
        if (Result.isFailure(begun)) return Result.fail(begun.failure)
        if (!begun.success) {
          held = Buffer.from(held)
          return Result.succeed(undefined)
        }
      }
      const { frameBytes, sampleRate, samplesOf, wanted } = format!
      const usable = Math.min(held.length, wanted - taken)
      const whole = usable - (usable % frameBytes)
      const samples = samplesOf(held.subarray(0, whole))
      held = Buffer.from(held.subarray(whole, whole + frameBytes - 1))
      taken += whole
      return Result.succeed(samples.length === 0 ? undefined : { sampleRate, samples, memory: bytes.buffer })
    },
    /** Why what was read cannot be the whole, once the engine has ended its answer. */
    end: (): EngineCut | EngineMalformed | undefined => {
      if (format === undefined) {
        return held.length === 0 && !needWav
          ? undefined
          : new EngineCut({ message: "its answer ended before its samples" })
      }
      if (taken < format.wanted && Number.isFinite(format.wanted))
        return new EngineCut({ message: `its WAV ended after ${taken} of ${format.wanted} bytes` })
      return taken < format.wanted && held.length > 0
        ? new EngineMalformed({ message: "its answer ended in the middle of a sample" })
        : undefined
    },
  }
}

/** `bytes` as samples; fails when they end early. See `makePcmReader`. To be read once. */
export const readPcm = <E>(
  bytes: Stream.Stream<Uint8Array, EngineFailure>,
  options: PcmReaderOptions,
  failing: (failure: EngineFailure) => E,
): Stream.Stream<Pcm, E> => {
  const { end, push } = makePcmReader(options)
  const ended = () => {
    const failure = end()
    return failure === undefined ? Result.succeed(undefined) : Result.fail(failure)
  }
  return throughPieces<Uint8Array, Pcm, EngineFailure, E>(push, ended, failing)(bytes)
}
