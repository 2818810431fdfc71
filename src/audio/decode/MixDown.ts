import type { Pcm } from "../Pcm.ts"
import { toInt16 } from "../WavSamples.ts"
import type { AudioSource } from "./AudioSource.ts"

/** Channels are compared over two blocks of so many seconds, the later of which is waited for. */
const blockSeconds = 0.5

/** Of a voice in a single channel the mean of N keeps 1/N of the channels' mean power. A tenth of that: they cancel out. */
const cancelledShare = 0.1
/** And so much of it: they no longer do. Far from the other, so that nothing turns back and forth. */
const heardShare = 0.4

/** Whatever is quieter than the loudest of the last while by so much decides nothing: pauses hold hum, and words do not end there. */
const loudShare = 0.01
/** Power of the loudest that is left with each block: it is halved in ten seconds. */
const loudnessKept = 0.966
/** Power below which there is nothing to compare: -90 dB. */
const silence = 1e-9

/** By so much another channel must be louder than the one that stands for all, to take its place. */
const clearlyLouder = 4

/** The mean of `channels`, whose samples lie between -1 and 1. */
export const meanOf = (channels: ReadonlyArray<Float32Array>): Int16Array => {
  const scale = 32_768 / channels.length
  const samples = new Int16Array(channels[0]?.length ?? 0)
  for (let at = 0; at < samples.length; at++) {
    let sum = 0
    for (const channel of channels) sum += channel[at]!
    samples[at] = toInt16(sum * scale)
  }
  return samples
}

/** Power added up over a block: of each channel, and of their mean. */
interface Powers {
  readonly frames: number
  readonly channels: ReadonlyArray<number>
  readonly mean: number
}

interface Block {
  readonly channels: ReadonlyArray<Float32Array>
  readonly powers: Powers
}

/** A float can be anything, also no number. */
const clipped = (value: number): number => (value > 1 ? 1 : value < -1 ? -1 : value === value ? value : 0)

const powersOf = (channels: ReadonlyArray<Float32Array>): Powers => {
  const frames = channels[0]!.length
  const powers = channels.map(() => 0)
  let mean = 0
  for (let at = 0; at < frames; at++) {
    let sum = 0
    for (let index = 0; index < channels.length; index++) {
      const value = clipped(channels[index]![at]!)
      powers[index]! += value * value
      sum += value
    }
    mean += (sum / channels.length) ** 2
  }
  return { frames, channels: powers, mean }
}

const together = (one: Powers, other: Powers | undefined): Powers =>
  other === undefined
    ? one
    : {
        frames: one.frames + other.frames,
        channels: one.channels.map((power, index) => power + other.channels[index]!),
        mean: one.mean + other.mean,
      }

/** Decides, window after window, which channel stands for all of them; undefined: their mean does. */
const makeChooser = () => {
  let chosen: number | undefined
  let loudest = 0
  return ({ channels, frames, mean }: Powers): number | undefined => {
    const sum = channels.reduce((total, power) => total + power, 0)
    const power = sum / channels.length / frames
    loudest = Math.max(loudest * loudnessKept, power)
    if (power < Math.max(silence, loudest * loudShare)) return chosen
    // 1 for a voice in one channel, `channels.length` for the same in all.
    const kept = (mean * channels.length) / (sum / channels.length)
    if (kept > (chosen === undefined ? cancelledShare : heardShare)) return (chosen = undefined)
    const best = channels.indexOf(Math.max(...channels))
    if (chosen === undefined || channels[best]! > channels[chosen]! * clearlyLouder) chosen = best
    return chosen
  }
}

/**
 * Mixes channels to one. Holds up to a second of audio back, to know what comes before it decides.
 *
 * - `mix`: what has become certain; the samples are the same however the input is cut into pieces
 * - `flush`: the rest
 */
export interface Mixer {
  readonly mix: (channels: ReadonlyArray<Float32Array>) => Int16Array
  readonly flush: () => Int16Array
}

const meanMixer: Mixer = { mix: meanOf, flush: () => new Int16Array(0) }

/**
 * The mean of the channels, unless they cancel out: a cable with two wires swapped turns one channel of a recording upside down,
 * and the mean of the two is silence. There the loudest channel is taken, until they no longer cancel out.
 *
 * @param sampleRate Hz
 */
export const makeMixer = (channelCount: number, sampleRate: number): Mixer => {
  if (channelCount < 2) return meanMixer
  const blockFrames = Math.max(1, Math.ceil(sampleRate * blockSeconds))
  const choose = makeChooser()
  const emptyBlock = () => Array.from({ length: channelCount }, () => new Float32Array(blockFrames))
  let filling = emptyBlock()
  let filled = 0
  let held: Block | undefined
  let chosen: number | undefined
  let decided = false

  /** The last block goes with the one before, since the end of a word may be all that it has. */
  const mixed = ({ channels, powers }: Block, next: Block | undefined): Int16Array => {
    if (next !== undefined || !decided) chosen = choose(together(powers, next?.powers))
    decided = true
    return meanOf(chosen === undefined ? channels : [channels[chosen]!])
  }
  /** Ends the block that is being filled, and answers the one before. */
  const endBlock = (): Int16Array => {
    const channels = filling.map((channel) => channel.subarray(0, filled))
    const block = { channels, powers: powersOf(channels) }
    const before = held === undefined ? new Int16Array(0) : mixed(held, block)
    held = block
    filling = emptyBlock()
    filled = 0
    return before
  }

  return {
    mix: (channels) => {
      const length = channels[0]!.length
      const parts: Array<Int16Array> = []
      for (let from = 0; from < length;) {
        const count = Math.min(length - from, blockFrames - filled)
        for (const [index, channel] of channels.entries()) {
          filling[index]!.set(channel.subarray(from, from + count), filled)
        }
        from += count
        filled += count
        if (filled === blockFrames) parts.push(endBlock())
      }
      return joined(parts)
    },
    flush: () => {
      const parts = filled === 0 ? [] : [endBlock()]
      if (held !== undefined) parts.push(mixed(held, undefined))
      held = undefined
      return joined(parts)
    },
  }
}

const joined = (parts: ReadonlyArray<Int16Array>): Int16Array => {
  const all = new Int16Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** `source` mixed to mono. */
export async function* mixDown(source: AudioSource): AsyncIterable<Pcm & { readonly damaged: number }> {
  let current: { readonly channelCount: number; readonly sampleRate: number; readonly mixer: Mixer } | undefined
  for await (const { channels, damaged, sampleRate } of source) {
    if ((channels[0]?.length ?? 0) === 0) {
      yield { sampleRate, samples: new Int16Array(0), damaged }
      continue
    }
    if (current?.channelCount !== channels.length || current.sampleRate !== sampleRate) {
      if (current !== undefined) yield { sampleRate: current.sampleRate, samples: current.mixer.flush(), damaged: 0 }
      current = { channelCount: channels.length, sampleRate, mixer: makeMixer(channels.length, sampleRate) }
    }
    yield { sampleRate, samples: current.mixer.mix(channels), damaged }
  }
  if (current !== undefined) yield { sampleRate: current.sampleRate, samples: current.mixer.flush(), damaged: 0 }
}
