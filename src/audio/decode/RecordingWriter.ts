import { createHash } from "node:crypto"
import { writeSync } from "node:fs"
import { spoolFailed, tooLong } from "../DecodeError.ts"
import type { Pcm } from "../Pcm.ts"
import { type DecodedRecording, recordingSampleRate } from "../Recording.ts"
import { makeResampler } from "../Resampler.ts"
import { wavHeader, wavHeaderBytes } from "../WavHeader.ts"

/** What was written, wherever it is. */
export type Written = Omit<DecodedRecording, "path">

/** Writes a `Recording`, resampling what comes in. Blocks its thread: for workers only. */
export interface RecordingWriter {
  /** Throws a `DecodeError`: too long, or the disk failed. As slow and as large as `pcm` is long, so that is to be cut. */
  readonly write: (pcm: Pcm) => void
  /** How many samples were written. */
  readonly samples: () => number
  /** Writes the header, and answers what follows it. */
  readonly finish: () => Written
}

/** @param file descriptor of an empty file */
export const makeRecordingWriter = (file: number, maxSeconds: number): RecordingWriter => {
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
