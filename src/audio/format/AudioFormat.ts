import { Schema } from "effect"
import { defaultSampleRate, type Format } from "./Format.ts"
import { type FormatName, formats } from "./Formats.ts"

export const formatNames = Object.keys(formats) as ReadonlyArray<FormatName>

export const AudioFormat = Schema.Literals(formatNames)
export type AudioFormat = typeof AudioFormat.Type

export const formatsAccepted = `expected one of ${formatNames.map((name) => `"${name}"`).join(", ")}`

/** As OpenAI has it. */
export const defaultFormat: AudioFormat = "mp3"

/** The `content-type` of each format. */
export const contentTypeOf = (format: AudioFormat): string => formats[format].contentType

/**
 * The rate that a speech leaves with, in Hz: what is `wanted`, else the engine's own where the format keeps it, else 24 kHz;
 * and 24 kHz where the format does not have that rate.
 */
export const encodedSampleRate = (format: AudioFormat, engineRate: number, wanted?: number): number => {
  const { keepsEngineRate, sampleRates }: Format = formats[format]
  const rate = wanted ?? (keepsEngineRate ? engineRate : defaultSampleRate)
  return sampleRates === undefined || sampleRates.includes(rate) ? rate : defaultSampleRate
}

/** What names the rate in a cache key, before the engine's is known: 0 where that decides. */
export const plannedSampleRate = (format: AudioFormat, wanted?: number): number =>
  wanted ?? (formats[format].keepsEngineRate ? 0 : defaultSampleRate)
