import { Schema } from "effect"

/** What a speech can be encoded as, by OpenAI's names. */
export const AudioFormat = Schema.Literals(["mp3", "wav", "pcm"])
export type AudioFormat = typeof AudioFormat.Type

/** Hz of wav and pcm unless a client asks for another rate: OpenAI's, which clients assume without reading a header. */
export const defaultSampleRate = 24_000

/** The `content-type` of each format. `application/octet-stream` would cost Open WebUI a transcode. */
export const contentTypeOf: { readonly [Format in AudioFormat]: string } = {
  mp3: "audio/mpeg",
  wav: "audio/wav",
  pcm: "audio/pcm",
}

/** Every rate that MPEG-1, 2 and 2.5 layer III know, in Hz. */
const mp3SampleRates: ReadonlyArray<number> = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]

/**
 * The rate that a speech leaves with, in Hz.
 *
 * MP3 keeps the engine's own rate where the format has it, since every player reads it from the frames. WAV and PCM are
 * 24 kHz unless `wanted`: the players of PCM cannot know.
 */
export const encodedSampleRate = (format: AudioFormat, engineRate: number, wanted?: number): number => {
  if (format !== "mp3") return wanted ?? defaultSampleRate
  const rate = wanted ?? engineRate
  return mp3SampleRates.includes(rate) ? rate : defaultSampleRate
}
