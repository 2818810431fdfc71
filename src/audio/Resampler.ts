import { toInt16 } from "./WavSamples.ts"

/** Zero crossings of the sinc on each side, at the lower of the two rates. */
const crossings = 24

/** Kaiser window: 80 dB down outside the band, which is below the noise of 16-bit speech. */
const kaiserBeta = 8

/** Share of the lower Nyquist frequency that passes; the rest is room for the filter to fall off. */
const passband = 0.94

/** Filters kept per pair of rates. Odd pairs such as 44,099 → 16,000 would need 16,000, and use the nearest of these. */
const maxPhases = 1_024

interface Filter {
  /** Output and input rate without their common divisor. */
  readonly up: number
  readonly down: number
  readonly phases: number
  readonly half: number
  /** `phases` rows of `2 * half` weights, each row adding up to 1. */
  readonly weights: Float64Array
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))

/** Modified Bessel function of the first kind, order 0, by its series. */
const bessel = (x: number): number => {
  let sum = 1
  let term = 1
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2
    sum += term
  }
  return sum
}

const designFilter = (from: number, to: number): Filter => {
  const common = divisor(from, to)
  const up = to / common
  const phases = Math.min(up, maxPhases)
  const scale = Math.min(1, to / from)
  const half = Math.ceil(crossings / scale)
  const cutoff = scale * passband
  const weights = new Float64Array(phases * half * 2)
  for (let phase = 0; phase < phases; phase++) {
    const row = weights.subarray(phase * half * 2, (phase + 1) * half * 2)
    let sum = 0
    for (let tap = 0; tap < row.length; tap++) {
      const distance = tap - half + 1 - phase / phases
      const x = Math.PI * distance * cutoff
      const sinc = x === 0 ? 1 : Math.sin(x) / x
      const edge = distance / half
      row[tap] = sinc * (Math.abs(edge) >= 1 ? 0 : bessel(kaiserBeta * Math.sqrt(1 - edge * edge)))
      sum += row[tap]!
    }
    for (let tap = 0; tap < row.length; tap++) row[tap]! /= sum
  }
  return { up, down: from / common, phases, half, weights }
}

/**
 * A filter takes milliseconds to design and streams share few pairs of rates. Those of odd rates are tens of times larger
 * than any that is in use, and are not kept: 8 MiB is all that stays in a thread, whatever the rates of what it has read.
 */
const filters = new Map<string, Filter>()
const mostKept = 8
const largestKeptBytes = 1_048_576

/** What the filters that are kept take, for a test. */
export const keptFilterBytes = (): number =>
  [...filters.values()].reduce((sum, { weights }) => sum + weights.byteLength, 0)

const filterFor = (from: number, to: number): Filter => {
  const key = `${from}:${to}`
  const known = filters.get(key)
  if (known !== undefined) return known
  const designed = designFilter(from, to)
  if (designed.weights.byteLength > largestKeptBytes) return designed
  if (filters.size >= mostKept) filters.delete(filters.keys().next().value!)
  filters.set(key, designed)
  return designed
}

/** Turns mono samples of one rate into another, chunk by chunk. */
export interface Resampler {
  /** As many samples as `samples` make certain; the same ones however the input is cut into chunks. */
  readonly process: (samples: Int16Array) => Int16Array
  /** The rest, after the last chunk. All together is `round(input * to / from)` samples. */
  readonly flush: () => Int16Array
}

const same: Resampler = { process: (samples) => samples.slice(), flush: () => new Int16Array(0) }

/**
 * A windowed-sinc polyphase resampler. See docs/decisions/0002-resampling.md for why it is ours.
 *
 * @param from Hz of the input, at least 1
 * @param to Hz of the output, at least 1
 */
export const makeResampler = (from: number, to: number): Resampler => {
  if (from === to) return same
  const { up, down, phases, half, weights } = filterFor(from, to)
  const width = half * 2
  /** Samples still needed; the first `half - 1` are the silence before the input. */
  let held: Int16Array = new Int16Array(half - 1)
  let received = 0
  let emitted = 0
  /** Where the next output lies: `start` indexes the first tap in `held`, `fraction / up` the part of a sample after it. */
  let start = 0
  let fraction = 0

  const run = (available: Int16Array, limit: number): Int16Array => {
    const ready = Math.ceil(((available.length - width - start + 1) * up - fraction) / down)
    const output = new Int16Array(Math.max(0, Math.min(ready, limit)))
    for (let index = 0; index < output.length; index++) {
      const phase = phases === up ? fraction : Math.floor((fraction * phases) / up)
      const row = phase * width
      let sum = 0
      for (let tap = 0; tap < width; tap++) sum += weights[row + tap]! * available[start + tap]!
      output[index] = toInt16(sum)
      fraction += down
      start += Math.floor(fraction / up)
      fraction %= up
    }
    emitted += output.length
    const drop = Math.min(start, available.length)
    held = available.slice(drop)
    start -= drop
    return output
  }

  /** What is held and what comes, side by side; made again only where that is longer than ever before. */
  let room: Int16Array = new Int16Array(0)
  const joined = (samples: Int16Array): Int16Array => {
    const length = held.length + samples.length
    if (room.length < length) room = new Int16Array(length)
    const available = room.subarray(0, length)
    available.set(held)
    available.set(samples, held.length)
    return available
  }

  return {
    process: (samples) => {
      received += samples.length
      return run(joined(samples), Infinity)
    },
    flush: () => {
      const missing = Math.round((received * to) / from) - emitted
      return run(joined(new Int16Array(width + Math.ceil((missing * down) / up))), missing)
    },
  }
}
