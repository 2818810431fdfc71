import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs"
import { setImmediate } from "node:timers/promises"
import { DecodeError, spoolFailed, tooLong, undecodable } from "../DecodeError.ts"
import { checkDeclared } from "../InputLimits.ts"
import { type DecodedRecording, recordingSampleRate } from "../Recording.ts"
import type { AudioSource } from "./AudioSource.ts"
import { type ReadAt, sniffContainer } from "./Container.ts"
import { makeEffort } from "./Effort.ts"
import { mixDown } from "./MixDown.ts"
import { NeedsFfmpeg } from "./NeedsFfmpeg.ts"
import { oggPackets } from "./OggPackets.ts"
import { opusSource } from "./OpusSource.ts"
import { streamSource } from "./StreamSource.ts"
import { wavSource } from "./WavSource.ts"
import { webmPackets } from "./WebmPackets.ts"
import { createHash } from "node:crypto"
import type { Pcm } from "../Pcm.ts"
import { makeResampler } from "../Resampler.ts"
import { wavHeader, wavHeaderBytes } from "../WavHeader.ts"

/** What was written, wherever it is. */
export type Written = Omit<DecodedRecording, "path">

/** Writes a `Recording`, resampling what comes in. Blocks its thread: for workers only. */
interface RecordingWriter {
  /** Throws a `DecodeError`: too long, or the disk failed. As slow and as large as `pcm` is long, so that is to be cut. */
  readonly write: (pcm: Pcm) => void
  /** How many samples were written. */
  readonly samples: () => number
  /** Writes the header, and answers what follows it. */
  readonly finish: () => Written
}

/** @param file descriptor of an empty file */
const makeRecordingWriter = (file: number, maxSeconds: number): RecordingWriter => {
  const hash = createHash("sha256")
  let samples = 0
  let inputRate = recordingSampleRate
  let resampler = makeResampler(inputRate, recordingSampleRate)

  const put = (bytes: Uint8Array, position: number) => {
    try {
      for (let done = 0; done < bytes.length;)
        done += writeSync(file, bytes, done, bytes.length - done, position + done)
    } catch (error) {
      throw spoolFailed(error)
    }
  }
  const append = (output: Int16Array) => {
    if (samples + output.length > maxSeconds * recordingSampleRate) throw tooLong(maxSeconds)
    const bytes = new Uint8Array(output.buffer, output.byteOffset, output.byteLength)
    put(bytes, wavHeaderBytes + samples * 2)
    // Here, in its thread, rather than by reading hours of audio again.
    hash.update(bytes)
    samples += output.length
  }

  return {
    samples: () => samples,
    write: (pcm) => {
      if (pcm.sampleRate !== inputRate) {
        append(resampler.flush())
        inputRate = pcm.sampleRate
        resampler = makeResampler(inputRate, recordingSampleRate)
      }
      append(resampler.process(pcm.samples))
    },
    finish: () => {
      append(resampler.flush())
      put(wavHeader(recordingSampleRate, samples * 2), 0)
      return { samples, sha256: hash.digest("hex") }
    },
  }
}

/**
 * @property input the upload
 * @property output an existing, empty file, which becomes the recording
 */
export interface DecodeFile {
  readonly input: string
  readonly output: string
  readonly maxSeconds: number
}

const openFile = (path: string, flags: string) => {
  try {
    return openSync(path, flags)
  } catch (error) {
    throw spoolFailed(error)
  }
}

/** Samples resampled and written at a time: at the lowest rate half a megabyte comes of them, at the highest some milliseconds. */
const sliceSamples = 16_384

/**
 * Reads through a window, since the demuxers ask for a few bytes at a time. What is answered is the caller's to keep.
 *
 * @param onRead called now and then: a demuxer can read a whole file without finding anything
 */
const readerOf = (file: number, onRead: () => void): ReadAt => {
  const { size } = fstatSync(file)
  const window = new Uint8Array(65_536)
  let start = 0
  let filled = 0
  const fill = (into: Uint8Array, offset: number): number => {
    let done = 0
    try {
      for (let count = 1; done < into.length && count > 0; done += count) {
        count = readSync(file, into, done, into.length - done, offset + done)
      }
    } catch (error) {
      throw spoolFailed(error)
    }
    return done
  }
  let reads = 0
  return (offset, length, into) => {
    if (++reads % 1_024 === 0) onRead()
    // Hostile sizes point past any file, and past what a position may be.
    if (offset >= size) return new Uint8Array(0)
    if (into !== undefined) return into.subarray(0, fill(into.subarray(0, Math.min(length, size - offset)), offset))
    if (length > window.length / 2) {
      const bytes = new Uint8Array(Math.min(length, size - offset))
      return bytes.subarray(0, fill(bytes, offset))
    }
    if (offset < start || offset + length > start + filled) {
      start = offset
      filled = fill(window, offset)
    }
    return window.slice(offset - start, Math.min(offset - start + length, filled))
  }
}

const sourceFor = (whole: ReadAt, maxSeconds: number): AudioSource => {
  if (whole(0, 1).length === 0) throw undecodable("The file is empty.")
  const sniffed = sniffContainer(whole)
  if (sniffed === undefined) throw undecodable("The file is not audio in a known format.")
  const { container, start } = sniffed
  const read: ReadAt = (offset, length, into) => whole(start + offset, length, into)
  const byFfmpeg = (demuxer: NeedsFfmpeg["demuxer"]) => new NeedsFfmpeg({ demuxer, skipBytes: start })
  switch (container) {
    case "wav":
      return wavSource(read, maxSeconds, byFfmpeg("wav"))
    case "mp3":
    case "flac":
    case "ogg-flac":
    case "ogg-vorbis":
      return streamSource(read, container)
    case "ogg-opus":
      return opusSource(oggPackets(read))
    case "webm":
      return opusSource(webmPackets(read, byFfmpeg("matroska")))
    case "mp4":
      throw byFfmpeg("mov")
    case "adts":
      throw byFfmpeg("aac")
    case "ogg-speex":
      throw byFfmpeg("ogg")
    case "aiff":
    case "amr":
    case "au":
    case "caf":
      throw byFfmpeg(container)
  }
}

/** What is told of a file over which `decodeFile` threw `error`. */
export const toldOfFile = (error: unknown): DecodeError | NeedsFfmpeg =>
  error instanceof DecodeError || error instanceof NeedsFfmpeg
    ? error
    : undecodable("The audio might be corrupted or is not supported.")

/**
 * Decodes `input` to a recording and answers its length in samples and their hash. Blocks its thread for a few milliseconds at a time
 * and stops in between once `signal` is aborted. Memory is bounded whatever the length.
 *
 * A file that is cut off or damaged in places is decoded as far as it goes; one with more damaged frames than 20 ms
 * pieces of audio is refused. Throws `DecodeError`, `NeedsFfmpeg`, or whatever a codec throws at hostile bytes.
 */
export const decodeFile = async ({ input, output, maxSeconds }: DecodeFile, signal: AbortSignal): Promise<Written> => {
  const source = openFile(input, "r")
  const effort = makeEffort()
  let written = 0
  const read = readerOf(source, () => effort.check(written))
  try {
    // Not created here: once the caller has left and removed it, nothing must bring it back.
    const target = openFile(output, "r+")
    try {
      const writer = makeRecordingWriter(target, maxSeconds)
      let damaged = 0
      for await (const piece of mixDown(sourceFor(read, maxSeconds))) {
        damaged += piece.damaged
        if (piece.samples.length > 0) checkDeclared(piece)
        for (let from = 0; from === 0 || from < piece.samples.length; from += sliceSamples) {
          const slice = piece.samples.subarray(from, from + sliceSamples)
          if (slice.length > 0) writer.write({ sampleRate: piece.sampleRate, samples: slice })
          written = writer.samples()
          effort.check(written)
          await setImmediate()
          signal.throwIfAborted()
        }
      }
      const recording = writer.finish()
      const { samples } = recording
      if (samples === 0) throw undecodable("The file has no audio in it.")
      if (damaged > samples / (recordingSampleRate / 50)) throw undecodable("The audio is damaged.")
      return recording
    } finally {
      closeSync(target)
    }
  } finally {
    closeSync(source)
  }
}
