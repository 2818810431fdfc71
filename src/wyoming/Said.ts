import { Effect } from "effect"
import { highestSampleRate, lowestSampleRate } from "../audio/InputLimits.ts"
import { readLanguage } from "../audio/Language.ts"
import type { ApiError } from "../contract/ApiError.ts"
import { Errors } from "../contract/Errors.ts"
import type { WyomingEvent } from "./Frames.ts"
import type { WantedVoice } from "./Speaking.ts"

/*
 * What an event says. `null` says as little as nothing does: Home Assistant's library writes it. Whatever else is not as it should be is
 * refused: taken as unsaid, audio is heard at a rate that it has not, and a text is spoken by a voice that nobody asked for.
 */

type Said = Pick<WyomingEvent, "type" | "data">

/** How the samples of a recording are written. `bytes`: of a sample of one channel. */
export interface SampleFormat {
  readonly sampleRate: number
  readonly bytes: number
  readonly channels: number
}

/** As satellites send it where they say nothing. */
const usual: SampleFormat = { sampleRate: 16_000, bytes: 2, channels: 1 }

/** By their names in an event. What is within bounds here a WAV header has room for, and the decoder reads. */
const bounds = {
  rate: { of: "sampleRate", least: lowestSampleRate, most: highestSampleRate },
  width: { of: "bytes", least: 1, most: 4 },
  channels: { of: "channels", least: 1, most: 32 },
} as const

const numberIn = ({ data, type }: Said, name: keyof typeof bounds, otherwise: number) => {
  const value = data[name] ?? otherwise
  const { least, most } = bounds[name]
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
    ? Effect.succeed(value)
    : Errors.invalidValue(
        `${type}.${name}`,
        `expected a whole number from ${least} to ${most}; without one it is ${otherwise}`,
      )
}

/** What `event` says of its audio, which is as in `otherwise` where it says nothing. */
export const formatIn = Effect.fnUntraced(function* (event: Said, otherwise = usual) {
  return {
    sampleRate: yield* numberIn(event, "rate", otherwise.sampleRate),
    bytes: yield* numberIn(event, "width", otherwise.bytes),
    channels: yield* numberIn(event, "channels", otherwise.channels),
  } satisfies SampleFormat
})

/** Fails where `chunk` is written otherwise than the recording that it is of: there is one header for all of it. */
export const sameFormat = Effect.fnUntraced(function* (chunk: Said, recording: SampleFormat) {
  const format = yield* formatIn(chunk, recording)
  for (const name of ["rate", "width", "channels"] as const) {
    const { of } = bounds[name]
    if (format[of] === recording[of]) continue
    return yield* Errors.invalidValue(
      `${chunk.type}.${name}`,
      `expected ${recording[of]}, which the recording began with; begin another one with audio-start`,
    )
  }
})

const textOf = (value: unknown, param: string): Effect.Effect<string | undefined, ApiError> => {
  if (value === undefined || value === null || value === "") return Effect.succeed(undefined)
  return typeof value === "string" ? Effect.succeed(value) : Errors.invalidValue(param, "expected a text")
}

/** The text that an event has for `name`; undefined where it is empty, too. */
export const textIn = ({ data, type }: Said, name: string) => textOf(data[name], `${type}.${name}`)

export const voiceIn = Effect.fnUntraced(function* ({ data, type }: Said) {
  const voice = data["voice"] ?? {}
  if (typeof voice !== "object" || Array.isArray(voice)) {
    return yield* Errors.invalidValue(`${type}.voice`, 'expected an object such as {"name": "alloy"}')
  }
  const said = voice as Readonly<Record<string, unknown>>
  return {
    name: yield* textOf(said["name"], `${type}.voice.name`),
    language: yield* textOf(said["language"], `${type}.voice.language`),
  } satisfies WantedVoice
})

/** The tag of the language to listen for; undefined where that is to be found out. */
export const languageIn = Effect.fnUntraced(function* (event: Said) {
  const read = readLanguage((yield* textIn(event, "language")) ?? "")
  if (read === "unreadable") {
    return yield* Errors.invalidValue(`${event.type}.language`, "expected a language such as en, en-US or english")
  }
  return read === "none" ? undefined : read.tag
})
