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

/** Means one after the other in one array, which is made again only where they are longer than ever before. */
const makeMeans = () => {
  let all = new Int16Array(0)
  let length = 0
  return {
    /** Adds the mean of `channels`, whose samples lie between -1 and 1. */
    add: (channels: ReadonlyArray<Float32Array>): void => {
      const scale = 32_768 / channels.length
      const count = channels[0]?.length ?? 0
      if (all.length < length + count) {
        const longer = new Int16Array(length + count)
        longer.set(all.subarray(0, length))
        all = longer
      }
      for (let at = 0; at < count; at++) {
        let sum = 0
        for (const channel of channels) sum += channel[at]!
        all[length + at] = toInt16(sum * scale)
      }
      length += count
    },
    /** Those that were added since it was asked the last time; valid until the next is added. */
    take: (): Int16Array => {
      const taken = all.subarray(0, length)
      length = 0
      return taken
    },
  }
}

/** The mean of `channels`. */
export const meanOf = (channels: ReadonlyArray<Float32Array>): Int16Array => {
  const means = makeMeans()
  means.add(channels)
  return means.take()
}

/** Power added up over a block: of each channel, and of their mean. */
interface Powers {
  readonly frames: number
  readonly channels: ReadonlyArray<number>
  readonly mean: number
}

/** @property room the arrays that `channels` are the beginnings of */
interface Block {
  readonly room: ReadonlyArray<Float32Array>
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
 * Mixes channels to one. Holds up to a second of audio back, to know what comes before it decides. What is answered is valid until it
 * is asked again: it goes through hours of audio with the same few arrays.
 *
 * - `mix`: what has become certain; the samples are the same however the input is cut into pieces
 * - `flush`: the rest
 */
export interface Mixer {
  readonly mix: (channels: ReadonlyArray<Float32Array>) => Int16Array
  readonly flush: () => Int16Array
}

const makeMeanMixer = (): Mixer => {
  const { add, take } = makeMeans()
  return {
    mix: (channels) => {
      add(channels)
      return take()
    },
    flush: () => new Int16Array(0),
  }
}

/**
 * The mean of the channels, unless they cancel out: a cable with two wires swapped turns one channel of a recording upside down,
 * and the mean of the two is silence. There the loudest channel is taken, until they no longer cancel out.
 *
 * @param sampleRate Hz
 */
export const makeMixer = (channelCount: number, sampleRate: number): Mixer => {
  if (channelCount < 2) return makeMeanMixer()
  const blockFrames = Math.max(1, Math.ceil(sampleRate * blockSeconds))
  const choose = makeChooser()
  const emptyBlock = () => Array.from({ length: channelCount }, () => new Float32Array(blockFrames))
  const { add, take } = makeMeans()
  let filling: ReadonlyArray<Float32Array> = emptyBlock()
  let filled = 0
  let held: Block | undefined
  let chosen: number | undefined
  let decided = false

  /** The last block goes with the one before, since the end of a word may be all that it has. */
  const mix = ({ channels, powers }: Block, next: Block | undefined): void => {
    if (next !== undefined || !decided) chosen = choose(together(powers, next?.powers))
    decided = true
    add(chosen === undefined ? channels : [channels[chosen]!])
  }
  /** Ends the block that is being filled, and mixes the one before. */
  const endBlock = (): void => {
    const channels = filling.map((channel) => channel.subarray(0, filled))
    const block = { room: filling, channels, powers: powersOf(channels) }
    if (held !== undefined) mix(held, block)
    filling = held?.room ?? emptyBlock()
    held = block
    filled = 0
  }

  return {
    mix: (channels) => {
      const length = channels[0]!.length
      for (let from = 0; from < length;) {
        const count = Math.min(length - from, blockFrames - filled)
        for (const [index, channel] of channels.entries()) {
          filling[index]!.set(channel.subarray(from, from + count), filled)
        }
        from += count
        filled += count
        if (filled === blockFrames) endBlock()
      }
      return take()
    },
    flush: () => {
      if (filled > 0) endBlock()
      if (held !== undefined) mix(held, undefined)
      held = undefined
      return take()
    },
  }
}

/** `source` mixed to mono. The samples of a piece are valid until the next one is asked for. */
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
