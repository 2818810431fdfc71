import { Array, Effect, Stream } from "effect"
import type { HttpServerRequest } from "effect/http"
import type { Transcribed } from "../../transcription/Transcription.ts"
import { deliver } from "./Delivery.ts"
import { segmentId, speakerSegment, usageOf } from "./TranscriptAnswer.ts"

const encoder = new TextEncoder()

/** Server-sent events are ended by line breaks, of which JSON has none: it writes those of a text as `\n`. */
const event = (
  data: { readonly type: `transcript.text.${"delta" | "segment" | "done"}` } & Readonly<Record<string, unknown>>,
) => encoder.encode(`data: ${JSON.stringify(data)}\n\n`)

const head = {
  contentType: "text/event-stream",
  // nginx would collect what it passes on.
  headers: { "cache-control": "no-cache", "x-accel-buffering": "no" },
}

/**
 * A transcript as OpenAI's events: a `delta` for each segment, while the engine still works, then `done` with all of it; with
 * `speakers` also a `segment` that says who speaks. The charge
 * stands before `done` leaves. Whoever leaves before has heard the recording up to the end of the last segment it was handed.
 */
export const transcriptEvents = (
  request: HttpServerRequest.HttpServerRequest,
  { delivered, durationSeconds, segments, settle }: Transcribed,
  speakers: boolean,
) =>
  Effect.suspend(() => {
    let text = ""
    let handedMs = 0
    let count = 0
    const deltas = Stream.mapArray(
      segments,
      Array.flatMap((segment) => {
        text += segment.text
        handedMs = segment.endMs
        const id = count++
        const delta = { type: "transcript.text.delta", delta: segment.text } as const
        return speakers
          ? ([event({ ...delta, segment_id: segmentId(id) }), event(speakerSegment(segment, id))] as const)
          : ([event(delta)] as const)
      }),
    )
    const done = Stream.sync(() => {
      return event({ type: "transcript.text.done", text, usage: usageOf(durationSeconds) })
    })
    const payable = {
      bytes: deltas,
      length: undefined,
      settle,
      delivered: (handed: "all" | number) => delivered(handed === "all" || handed === 0 ? handed : handedMs),
    }
    return deliver(request, payable, head, done)
  })
