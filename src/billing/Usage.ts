import { Schema } from "effect"

/** How a request was served; the same words as the `x-cache` header. */
export const Served = Schema.Literals(["HIT", "MISS", "COALESCED", "BYPASS"])
export type Served = typeof Served.Type

/** What one request used: text that was spoken, in code points, or audio that was transcribed, in milliseconds. */
export type Usage =
  | { readonly kind: "speech"; readonly model: string; readonly characters: number }
  | { readonly kind: "transcription"; readonly model: string; readonly audioMillis: number }

/** How much of an answer a client was handed: `handed` of `of` bytes, both above zero; `of` may be an estimate, never less than `handed`. */
export interface Part {
  readonly handed: number
  readonly of: number
}

/** What a client that left had been handed, and how it was served. `of` may be an estimate. `handed` may be 0. */
export interface Abandoned extends Part {
  readonly served: Served
}

export const whole: Part = { handed: 1, of: 1 }

/** What is counted and priced: code points of text, or begun seconds of audio. Of a part, those begun. */
export const billedQuantity = (usage: Usage, part: Part = whole): number => {
  const all = usage.kind === "speech" ? usage.characters : Math.ceil(usage.audioMillis / 1000)
  const [handed, of] = [BigInt(part.handed), BigInt(part.of)]
  return Number((BigInt(all) * handed + of - 1n) / of)
}
