import { DecodeError, DecoderGaveUp } from "../DecodeError.ts"
import { recordingSampleRate } from "../Recording.ts"

/** CPU time of a file that gives no audio, in seconds. */
const startSeconds = 5

/** CPU time for each second of audio, in seconds: a small board needs a twentieth of it. */
const perAudioSecond = 0.1

/**
 * What one file may cost. Bytes can be made that keep a decoder busy for minutes and hold next to nothing: frames that are
 * searched for and never found, a rate that changes with every frame.
 */
export interface Effort {
  /** Throws a `DecodeError` where `samples` of the recording were too dear. */
  readonly check: (samples: number) => void
}

export const makeEffort = (): Effort => {
  const start = process.threadCpuUsage()
  return {
    check: (samples) => {
      const { system, user } = process.threadCpuUsage(start)
      const allowed = startSeconds + (samples / recordingSampleRate) * perAudioSecond
      if ((user + system) / 1_000_000 > allowed) {
        throw new DecodeError({
          reason: new DecoderGaveUp({
            message: "The audio takes too much work for its length. It might be corrupted.",
          }),
        })
      }
    },
  }
}
