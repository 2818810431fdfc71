import { Effect, Stream } from "effect"
import type { HttpServerRequest } from "effect/http"
import type { Transcribed } from "../../transcription/Transcription.ts"
import { deliver } from "./Delivery.ts"

const encoder = new TextEncoder()

/** Server-sent events are ended by line breaks, of which JSON has none: it writes those of a text as `\n`. */
const event = (data: { readonly type: `transcript.text.${"delta" | "done"}` } & Readonly<Record<string, unknown>>) =>
  encoder.encode(`data: ${JSON.stringify(data)}\n\n`)

const head = {
  contentType: "text/event-stream",
  // nginx would collect what it passes on.
  headers: { "cache-control": "no-cache", "x-accel-buffering": "no" },
}

/**
 * A transcript as OpenAI's events: a `delta` for each segment, while the engine still works, then `done` with all of it. The charge
 * stands before `done` leaves. Whoever leaves before has heard the recording up to the end of the last segment it was handed.
 */
export const transcriptEvents = (
  request: HttpServerRequest.HttpServerRequest,
  { delivered, durationSeconds, segments, settle }: Transcribed,
) =>
  Effect.suspend(() => {
    let text = ""
    let handedMs = 0
    const deltas = Stream.map(segments, (segment) => {
      text += segment.text
      handedMs = segment.endMs
      return event({ type: "transcript.text.delta", delta: segment.text })
    })
    const done = Stream.sync(() => {
      const usage = { type: "duration", seconds: Math.ceil(durationSeconds) }
      return event({ type: "transcript.text.done", text, usage })
    })
    const payable = {
      bytes: deltas,
      length: undefined,
      settle,
      delivered: (handed: "all" | number) => delivered(handed === "all" || handed === 0 ? handed : handedMs),
    }
    return deliver(request, payable, head, done)
  })
