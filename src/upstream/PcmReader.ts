import { Effect, Result, Stream } from "effect"
import type { Pcm } from "../audio/Pcm.ts"
import { parseWav, type WavLayout } from "../audio/Wav.ts"
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
  const { bits, channels, encoding } = layout.success
  return encoding === "integer" && bits === 16 && channels === 1
    ? Result.succeed(layout.success)
    : malformed(`its WAV is not 16-bit mono: ${encoding}, ${bits} bits, ${channels} channels`)
}

// A writer that cannot seek back leaves a size that no speech has.
const declaredBytes = ({ dataBytes }: WavLayout) =>
  dataBytes === undefined || dataBytes >= 0x7fff_0000 ? Number.POSITIVE_INFINITY : dataBytes

const looksLikeWav = (bytes: Buffer) =>
  bytes.toString("latin1", 0, 4) === "RIFF" && bytes.toString("latin1", 8, 12) === "WAVE"

// Copied: a network chunk starts at any offset of its pool, an Int16Array only at an even one, and its memory is reused.
const toSamples = (bytes: Buffer): Int16Array => {
  const samples = new Int16Array(bytes.length / 2)
  Buffer.from(samples.buffer).set(bytes)
  return samples
}

/**
 * Reads what Magpie sends, in pieces of any length: headerless signed 16-bit little endian samples, or a WAV, told by
 * its first bytes whatever the route promised.
 *
 * @param rawSampleRate Hz of headerless samples
 * @param needWav whether headerless samples are refused
 */
export const makePcmReader = (rawSampleRate: number, needWav: boolean) => {
  let held: Buffer = Buffer.alloc(0)
  let format: { sampleRate: number; wanted: number } | undefined
  let taken = 0

  const begin = (): Result.Result<boolean, EngineMalformed> => {
    if (held.length < 12 && "RIFF".startsWith(held.toString("latin1", 0, 4))) return Result.succeed(false)
    if (!looksLikeWav(held)) {
      if (needWav) return malformed("its answer is no WAV")
      format = { sampleRate: rawSampleRate, wanted: Number.POSITIVE_INFINITY }
      return Result.succeed(true)
    }
    return Result.map(readWavStart(held), (start) => {
      if (start === undefined) return false
      format = { sampleRate: start.sampleRate, wanted: declaredBytes(start) }
      held = held.subarray(start.dataOffset)
      return true
    })
  }

  return {
    /** The samples that `bytes` completes, possibly none. */
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
      const { sampleRate, wanted } = format!
      const usable = Math.min(held.length, wanted - taken)
      const whole = usable - (usable % 2)
      const samples = toSamples(held.subarray(0, whole))
      held = Buffer.from(held.subarray(whole, whole + 1))
      taken += whole
      return Result.succeed(samples.length === 0 ? undefined : { sampleRate, samples })
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
      return taken < format.wanted && held.length === 1
        ? new EngineMalformed({ message: "its answer ended in the middle of a sample" })
        : undefined
    },
  }
}

/** `bytes` as samples; fails when they end early. See `makePcmReader`. */
export const readPcm = (
  bytes: Stream.Stream<Uint8Array, EngineFailure>,
  options: { readonly rawSampleRate: number; readonly needWav: boolean },
): Stream.Stream<Pcm, EngineFailure> =>
  Stream.suspend(() => {
    const reader = makePcmReader(options.rawSampleRate, options.needWav)
    return bytes.pipe(
      Stream.mapEffect((piece) => Effect.fromResult(reader.push(piece))),
      Stream.filter((pcm) => pcm !== undefined),
      Stream.concat(
        Stream.suspend(() => {
          const failure = reader.end()
          return failure === undefined ? Stream.empty : Stream.fail(failure)
        }),
      ),
    )
  })
