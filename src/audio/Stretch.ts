import { makeFrames } from "./format/Frames.ts"

/** What is used of Sonic, which brings no types. Pointers are numbers; its memory is anew after each call: it may have grown and moved. */
interface Sonic {
  readonly HEAP16: Int16Array
  readonly _malloc: (bytes: number) => number
  readonly _free: (pointer: number) => void
  readonly _sonicCreateStream: (sampleRate: number, channels: number) => number
  readonly _sonicDestroyStream: (stream: number) => void
  readonly _sonicSetSpeed: (stream: number, speed: number) => void
  readonly _sonicWriteShortToStream: (stream: number, samples: number, length: number) => number
  readonly _sonicReadShortFromStream: (stream: number, samples: number, most: number) => number
  readonly _sonicSamplesAvailable: (stream: number) => number
  readonly _sonicFlushStream: (stream: number) => number
}

/** Makes speech quicker or slower and keeps its pitch. Mono samples of one rate. */
export interface Stretch {
  /** As many samples as `samples` make certain; the same ones however the input is cut into chunks. */
  readonly process: (samples: Int16Array) => Int16Array
  /** The rest, after the last chunk. All together is the input's length divided by the speed, to within 1 %. */
  readonly flush: () => Int16Array
  readonly close: () => void
}

const same: Stretch = { process: (samples) => samples, flush: () => new Int16Array(0), close: () => {} }

let loading: Promise<Sonic> | undefined
/** Not by `require`: of an ES module that ends the process where the thread is stopped meanwhile (an assertion in Node 26, `CreateRequiredModuleFacade`). */
const loadSonic = async (): Promise<Sonic> => {
  const { default: load } = (await import(import.meta.resolve("@echogarden/sonic-wasm"))) as {
    default: () => Promise<Sonic>
  }
  return load()
}

/** Sonic's output depends on how its input is cut, so it is always cut alike: pieces of 10 ms. */
const piecesASecond = 100

/** Samples that are read from Sonic at a time. */
const readAtOnce = 8_192

/**
 * @param sampleRate Hz of input and output
 * @param speed 0.25–4; 1 leaves the samples as they are
 */
export const makeStretch = async (sampleRate: number, speed: number): Promise<Stretch> => {
  if (speed === 1) return same
  const sonic = await (loading ??= loadSonic())
  const size = Math.max(1, Math.round(sampleRate / piecesASecond))
  const memory = sonic._malloc(Math.max(size, readAtOnce) * 2)
  const stream = sonic._sonicCreateStream(sampleRate, 1)
  sonic._sonicSetSpeed(stream, speed)
  const frames = makeFrames(size)

  const write = (piece: Int16Array) => {
    sonic.HEAP16.set(piece, memory / 2)
    sonic._sonicWriteShortToStream(stream, memory, piece.length)
  }
  const read = (): Int16Array => {
    const output = new Int16Array(sonic._sonicSamplesAvailable(stream))
    for (let at = 0; at < output.length;) {
      const got = sonic._sonicReadShortFromStream(stream, memory, Math.min(readAtOnce, output.length - at))
      output.set(sonic.HEAP16.subarray(memory / 2, memory / 2 + got), at)
      at += got
    }
    return output
  }
  return {
    process: (samples) => {
      frames.push(samples, write)
      return read()
    },
    flush: () => {
      frames.rest(write)
      sonic._sonicFlushStream(stream)
      return read()
    },
    close: () => {
      sonic._sonicDestroyStream(stream)
      sonic._free(memory)
    },
  }
}
