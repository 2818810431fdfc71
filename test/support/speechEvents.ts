import { Schema } from "effect"
import { SpeechEvent } from "./speechSchemas.ts"

const decode = Schema.decodeUnknownSync(SpeechEvent)

/** The events in an answer of `stream_format=sse`, each held to OpenAI's schema. */
export const speechEventsIn = (body: string): ReadonlyArray<SpeechEvent> =>
  body
    .split("\n\n")
    .filter((block) => block !== "")
    .map((block) => {
      if (!block.startsWith("data: ")) throw new Error(`no event: ${block.slice(0, 80)}`)
      return decode(JSON.parse(block.slice("data: ".length)))
    })

/** The audio of the deltas, put together. */
export const audioOf = (events: ReadonlyArray<SpeechEvent>): Buffer =>
  Buffer.concat(events.map((event) => Buffer.from(event.type === "speech.audio.delta" ? event.audio : "", "base64")))
