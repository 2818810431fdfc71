import { expect, it } from "vitest"
import { exactMoney, money } from "../../../src/console/page/format.ts"

it("a balance is of cents, and a small one keeps its digits", () => {
  expect(money(12_345_678, "usd")).toBe("$12.35")
  expect(money(945, "usd")).toBe("$0.000945")
})

it("a price is what was published, to the last digit", () => {
  expect(exactMoney(125_000, "usd")).toBe("$0.125")
  expect(exactMoney(15_000_000, "usd")).toBe("$15.00")
  expect(exactMoney(999_999_999_999_999, "usd")).toBe("$999,999,999.999999")
})
