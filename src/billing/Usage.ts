import { Schema } from "effect"

/** How a request was served; the same words as the `x-cache` header. */
export const Served = Schema.Literals(["HIT", "MISS", "COALESCED", "BYPASS"])
export type Served = typeof Served.Type

/** What one request used: text that was spoken, in code points, or audio that was transcribed, in milliseconds. */
export type Usage =
  | { readonly kind: "speech"; readonly model: string; readonly characters: number }
  | { readonly kind: "transcription"; readonly model: string; readonly audioMillis: number }

/** What is counted and priced: code points of text, or begun seconds of audio. */
export const billedQuantity = (usage: Usage): number =>
  usage.kind === "speech" ? usage.characters : Math.ceil(usage.audioMillis / 1000)
