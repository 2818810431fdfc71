import { Result } from "effect"
import { parseWav, type WavLayout } from "../Wav.ts"
import { channelSamples } from "../WavSamples.ts"
import { makeMixer, type Mixer } from "./MixDown.ts"

const nothing = new Int16Array(0)

/** Reads a WAV that comes in pieces cut anywhere, and mixes it to mono. Bytes that are no WAV give no sample. */
export const makeWavStream = () => {
  let pending: Uint8Array = new Uint8Array(0)
  let known: { readonly layout: WavLayout; readonly mixer: Mixer } | undefined

  return {
    /** What is answered is valid until it is asked again. */
    read: (bytes: Uint8Array): Int16Array => {
      pending = pending.length === 0 ? bytes : Buffer.concat([pending, bytes])
      if (known === undefined) {
        const parsed = parseWav((offset, length) => pending.subarray(offset, offset + length))
        if (Result.isFailure(parsed)) {
          if (parsed.failure.reason !== "Truncated") pending = pending.subarray(pending.length)
          return nothing
        }
        const layout = parsed.success
        known = { layout, mixer: makeMixer(layout.channels, layout.sampleRate) }
        pending = pending.subarray(layout.dataOffset)
      }
      const { layout, mixer } = known
      const whole = pending.length - (pending.length % layout.frameBytes)
      const channels = channelSamples(layout, pending.subarray(0, whole))
      pending = pending.subarray(whole)
      return mixer.mix(channels)
    },
    flush: (): Int16Array => known?.mixer.flush() ?? nothing,
  }
}
