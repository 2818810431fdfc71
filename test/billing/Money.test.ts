import { expect, it } from "@effect/vitest"
import { Option } from "effect"
import { microUnits, money } from "../../src/billing/Money.ts"

it.each([
  ["12.50", 12_500_000],
  ["0.29", 290_000],
  ["-0.29", -290_000],
  ["+1", 1_000_000],
  ["0.000001", 1],
  ["999999999.999999", 999_999_999_999_999],
  ["-0", 0],
])("reads %s as %d micro-units, exactly", (written, amount) => {
  expect(microUnits(written)).toEqual(Option.some(amount))
})

it.each(["", ".5", "1.", "1e3", "1,50", "0.0000001", "1 000", "0x10", "9999999999", "Infinity"])(
  "refuses %j",
  (written) => {
    expect(microUnits(written)).toEqual(Option.none())
  },
)

it.each([
  [0, "0.00"],
  [1, "0.000001"],
  [-290_000, "-0.29"],
  [12_500_000, "12.50"],
  [6_000, "0.006"],
  [1_000_100_000, "1000.10"],
])("writes %d micro-units as %s, and reads them again", (amount, written) => {
  expect(money(amount)).toBe(written)
  expect(microUnits(written)).toEqual(Option.some(amount))
})
