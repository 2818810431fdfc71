import { expect, it } from "@effect/vitest"
import { record, table, time } from "../../src/cli/Table.ts"

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

it("writes times in UTC", () => {
  expect(time(Date.UTC(2026, 10, 21, 9, 5, 7))).toBe("2026-11-21 09:05:07Z")
  expect(time(null)).toBe("-")
})
