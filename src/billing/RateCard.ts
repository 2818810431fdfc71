import { Schema } from "effect"
import { billedQuantity, type Part, type Served, type Usage, whole } from "./Usage.ts"
import { wholeNumber, wholeNumbers } from "./WholeNumber.ts"

/** Micro-units that a million characters or a minute may cost: 10,000.00. */
export const largestRate = 10_000_000_000

const upTo = (maximum: number, of: string) => wholeNumber(0, maximum, wholeNumbers(0, maximum, of))
const Rate = upTo(largestRate, "micro-units")
const Share = upTo(10_000, "hundredths of a per cent")

const prices = {
  /** Micro-units per million code points of text. */
  speechPerMillionCharacters: Rate,
  /** Micro-units per minute of audio; audio counts by the begun second. */
  transcriptionPerMinute: Rate,
  /** Share charged when the cache had the audio, in hundredths of a per cent: 10,000 is the full price. */
  hitShare: Share,
  /** The same for followers of another client's synthesis. */
  coalescedShare: Share,
}

/** The prices of a rate card. */
export const Rates = Schema.Struct(prices)
export type Rates = typeof Rates.Type

/**
 * One version of the prices. It holds from `validFrom` until `validUntil`, where the next version begins; both in Unix milliseconds,
 * `validUntil` null for the last version. A request is priced by the version in force when its money is reserved.
 */
export const RateCard = Schema.Struct({
  version: Schema.Int,
  validFrom: Schema.Int,
  validUntil: Schema.NullOr(Schema.Int),
  ...prices,
})
export type RateCard = typeof RateCard.Type

const fullShare = 10_000

const share = (rates: Rates, served: Served): number => {
  switch (served) {
    case "HIT":
      return rates.hitShare
    case "COALESCED":
      return rates.coalescedShare
    case "MISS":
    case "BYPASS":
      return fullShare
  }
}

/**
 * The price of one request in micro-units, or of the `part` of it that a client was handed. One fraction is formed and rounded up once, in bigints: quantity × rate × share × part passes 2^53
 * for a few hours of audio. At the highest rate the result is a safe integer for 10⁹ code points and 10¹⁰ ms of audio, which
 * is far beyond one request.
 */
export const price = (rates: Rates, usage: Usage, served: Served, part: Part = whole): number => {
  const [rate, per] =
    usage.kind === "speech" ? [rates.speechPerMillionCharacters, 1_000_000n] : [rates.transcriptionPerMinute, 60n]
  const divisor = per * BigInt(fullShare) * BigInt(part.of)
  const product = BigInt(billedQuantity(usage)) * BigInt(rate) * BigInt(share(rates, served)) * BigInt(part.handed)
  return Number((product + divisor - 1n) / divisor)
}
