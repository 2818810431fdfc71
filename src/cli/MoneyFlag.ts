import { Option } from "effect"
import { Flag } from "effect/cli"
import { microUnits } from "../billing/Money.ts"
import { largestRate } from "../billing/RateCard.ts"

/** Which amounts a flag takes; `words` completes "Expected: …". */
interface Range {
  readonly has: (amount: number) => boolean
  readonly words: string
}

export const fromZero: Range = { has: (amount) => amount >= 0, words: "an amount from 0" }
export const aboveZero: Range = { has: (amount) => amount > 0, words: "an amount above 0" }
export const notZero: Range = { has: (amount) => amount !== 0, words: "an amount other than 0" }
/** What a rate card takes. */
export const aPrice: Range = {
  has: (amount) => amount >= 0 && amount <= largestRate,
  words: `an amount from 0 to ${largestRate / 1_000_000}`,
}

const expected = (written: string, { words }: Range): string => {
  if (Option.isSome(microUnits(written))) return words
  return /^[+-]?\d{10,}(\.\d*)?$/.test(written)
    ? "an amount below 1000000000"
    : "an amount such as 12.50, with at most six decimals"
}

/** An amount of money as a flag. */
export const moneyFlag = (name: string, range: Range) =>
  Flag.String(name).pipe(
    Flag.withMetavar("amount"),
    Flag.filterMap(
      (written) => Option.filter(microUnits(written), range.has),
      (written) => expected(written, range),
    ),
  )
