import { Effect } from "effect"
import type { Segment, Word } from "../audio/Segment.ts"
import { attachWords, segmentsOfWords } from "./TranscriptWords.ts"
import { errorBodyLimit, errorBodyMessage } from "./EngineErrorBody.ts"
import { EngineMalformed } from "./EngineFailure.ts"

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

/** Milliseconds of a stretch that is given in seconds. */
const placeOf = ({ end, start }: Readonly<Record<string, unknown>>) =>
  typeof start === "number" && typeof end === "number" && Number.isFinite(start) && Number.isFinite(end)
    ? { startMs: Math.round(start * 1_000), endMs: Math.round(end * 1_000) }
    : undefined

const wordOf = (value: unknown) => {
  const place = isRecord(value) ? placeOf(value) : undefined
  return place !== undefined && isRecord(value) && typeof value["word"] === "string"
    ? { word: value["word"].trim(), ...place }
    : undefined
}

/** What a list makes of its members, or nothing where one of them cannot be read. */
const all = <A>(list: unknown, read: (value: unknown) => A | undefined): ReadonlyArray<A> => {
  const members = Array.isArray(list) ? list.map(read) : []
  return members.every((member) => member !== undefined) ? members : []
}

const segmentOf = (value: unknown): Segment | undefined => {
  if (!isRecord(value) || typeof value["text"] !== "string") return undefined
  const place = placeOf(value)
  const words = all(value["words"], wordOf)
  return place && { ...place, text: value["text"].trim(), ...(words.length === 0 ? {} : { words }) }
}

/**
 * `text`, cut where the engine's own segments end: these come with and without the space between them, and nothing of the text may be
 * lost or told twice. Undefined where they are not the text's.
 */
const cut = (text: string, segments: ReadonlyArray<Segment>): ReadonlyArray<Segment> | undefined => {
  const pieces: Array<Segment> = []
  let from = 0
  for (const segment of segments) {
    if (segment.text === "") continue
    const start = from + text.slice(from, from + longestGap).search(/\S|$/)
    if (!text.startsWith(segment.text, start)) return undefined
    const end = start + segment.text.length
    pieces.push({ ...segment, text: text.slice(from, end) })
    from = end
  }
  return pieces.length > 0 && from === text.trimEnd().length ? pieces : undefined
}

/** Characters of white space that may be between two segments. */
const longestGap = 16

/**
 * A NIM gives `text` alone; open-source servers give segments, or words, or both, with times in seconds, of which all count or none.
 * Read by hand: there may be tens of thousands, and a schema takes twice as long on the event loop.
 */
const fromJson = (value: unknown, endMs: number) => {
  if (typeof value === "string") return whole(value, endMs)
  if (!isRecord(value) || typeof value["text"] !== "string") return undefined
  const text = value["text"]
  const segments = cut(text, all(value["segments"], segmentOf))
  const words = all(value["words"], wordOf).filter(({ word }) => word !== "")
  return inLanguage(value["language"], timed(text, segments, words) ?? whole(text, endMs))
}

const timed = (text: string, segments: ReadonlyArray<Segment> | undefined, words: ReadonlyArray<Word>) => {
  if (words.length === 0) return segments
  return segments === undefined ? segmentsOfWords(text, words) : attachWords(segments, words)
}

const inLanguage = (language: unknown, segments: ReadonlyArray<Segment>) =>
  typeof language === "string" && language !== "" ? segments.map((segment) => ({ ...segment, language })) : segments

const whole = (text: string, endMs: number): ReadonlyArray<Segment> =>
  text === "" ? [] : [{ startMs: 0, endMs, text }]

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

/**
 * The transcript in an engine's answer: an object with `text`, or plain text where the media type allows it. Without segments of the
 * engine's own it is one, as long as the recording, which ends at `endMs`; none where nothing was said.
 */
export const readTranscript = Effect.fnUntraced(function* (mediaType: string, body: string, endMs: number) {
  const json = fromJson(parsed(body), endMs)
  if (json !== undefined) return json
  const plain = (mediaType === "" || mediaType === "text/plain") && !/^\s*[{<]/.test(body)
  return plain ? whole(body.trim(), endMs) : yield* malformed(body)
})
