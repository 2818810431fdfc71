import { expect, it } from "@effect/vitest"
import { record, table } from "../../src/cli/Table.ts"

it("puts rows into columns under their headings, numbers to the right", () => {
  expect(
    table(
      ["key", "used"],
      [
        ["a", 5],
        ["long name", 1_000],
      ],
    ),
  ).toBe(["key        used", "a             5", "long name  1000"].join("\n"))
  expect(table(["key"], [])).toBe("None.")
})

it("lets no name move the cursor or begin a line", () => {
  expect(table(["name"], [["a\nb\u001b[2Jc\u0007"]])).toBe("name\na bc")
  expect(record({ name: "a\r\nb", none: null })).toBe("name  a  b\nnone  -")
})

it("puts amounts to the right too, where they can be compared", () => {
  expect(
    table(
      ["balance", "share"],
      [
        ["-0.29", "100 %"],
        ["1000.00", "1.5 %"],
      ],
    ),
  ).toBe(["balance  share", "  -0.29  100 %", "1000.00  1.5 %"].join("\n"))
})

it("gives a wide character the two cells that a terminal gives it", () => {
  expect(
    table(
      ["name", "used"],
      [
        ["日本語", 5],
        ["a", 10],
      ],
    ),
  ).toBe(["name    used", "日本語     5", "a         10"].join("\n"))
})
