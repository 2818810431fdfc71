import { Effect, Option, Schema } from "effect"
import { errorBodyMessage } from "./EngineErrorBody.ts"
import { EngineMalformed } from "./EngineFailure.ts"

const TimedText = Schema.Struct({ start: Schema.Finite, end: Schema.Finite, text: Schema.String })

// A NIM gives `text` alone; open-source servers give segments, with times in seconds.
const Body = Schema.Struct({
  text: Schema.String,
  segments: Schema.optionalKey(Schema.NullOr(Schema.Array(TimedText))),
})
const TextOnly = Schema.Struct({ text: Schema.String })
const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Union([Body, TextOnly, Schema.String])))

const milliseconds = (seconds: number) => Math.round(seconds * 1000)

const malformed = (text: string) =>
  Effect.fail(new EngineMalformed({ message: `its transcript cannot be read: ${errorBodyMessage(text)}` }))

/** The transcript in an engine's answer: an object with `text`, or plain text where the media type allows it. */
export const readTranscript = Effect.fnUntraced(function* (mediaType: string, body: string) {
  const json = decode(body)
  if (Option.isSome(json)) {
    if (typeof json.value === "string") return { text: json.value, segments: [] }
    const segments = "segments" in json.value ? (json.value.segments ?? []) : []
    return {
      text: json.value.text,
      segments: segments.map(({ end, start, text }) => ({
        startMs: milliseconds(start),
        endMs: milliseconds(end),
        text: text.trim(),
      })),
    }
  }
  const plain = (mediaType === "" || mediaType === "text/plain") && !/^\s*[{<]/.test(body)
  return plain ? { text: body.trim(), segments: [] } : yield* malformed(body)
})
