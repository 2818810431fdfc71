import { Effect } from "effect"
import { errorBodyLimit, errorBodyMessage } from "./EngineErrorBody.ts"
import { EngineMalformed } from "./EngineFailure.ts"
import type { Segment } from "./Transcript.ts"

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const milliseconds = (seconds: number) => Math.round(seconds * 1000)

const segmentOf = (value: unknown): Segment | undefined => {
  if (!isRecord(value)) return undefined
  const { end, start, text } = value
  return Number.isFinite(start) && Number.isFinite(end) && typeof text === "string"
    ? { startMs: milliseconds(start as number), endMs: milliseconds(end as number), text: text.trim() }
    : undefined
}

/**
 * A NIM gives `text` alone; open-source servers give segments, with times in seconds, of which all count or none.
 * Read by hand: there may be tens of thousands, and a schema takes twice as long on the event loop.
 */
const fromJson = (value: unknown) => {
  if (typeof value === "string") return { text: value, segments: [] }
  if (!isRecord(value) || typeof value["text"] !== "string") return undefined
  const listed = Array.isArray(value["segments"]) ? value["segments"].map(segmentOf) : []
  const segments = listed.every((segment) => segment !== undefined) ? listed : []
  return { text: value["text"], segments }
}

const parsed = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

const malformed = (text: string) =>
  Effect.fail(
    new EngineMalformed({
      message: `its transcript cannot be read: ${errorBodyMessage(text.slice(0, errorBodyLimit))}`,
    }),
  )

/** The transcript in an engine's answer: an object with `text`, or plain text where the media type allows it. */
export const readTranscript = Effect.fnUntraced(function* (mediaType: string, body: string) {
  const json = fromJson(parsed(body))
  if (json !== undefined) return json
  const plain = (mediaType === "" || mediaType === "text/plain") && !/^\s*[{<]/.test(body)
  return plain ? { text: body.trim(), segments: [] } : yield* malformed(body)
})
