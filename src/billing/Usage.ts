import { Schema } from "effect"

/** How a request was served; the same words as the `x-cache` header. */
export const Served = Schema.Literals(["HIT", "MISS", "COALESCED", "BYPASS"])
export type Served = typeof Served.Type

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** Text that was spoken. `characters` are code points. */
export const SpeechUsage = Schema.Struct({
  kind: Schema.Literal("speech"),
  model: Schema.String,
  characters: upTo(1_000_000_000),
})

/** Audio that was transcribed. */
export const TranscriptionUsage = Schema.Struct({
  kind: Schema.Literal("transcription"),
  model: Schema.String,
  audioMillis: upTo(10_000_000_000),
})

/** What one request used. The bounds keep every price a safe integer (`RateCard`). */
export const Usage = Schema.Union([SpeechUsage, TranscriptionUsage])
export type Usage = typeof Usage.Type

/** What is counted and priced: code points of text, or begun seconds of audio. */
export const billedQuantity = (usage: Usage): number =>
  usage.kind === "speech" ? usage.characters : Math.ceil(usage.audioMillis / 1000)
