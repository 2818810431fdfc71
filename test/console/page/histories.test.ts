import { expect, it } from "vitest"
import { joined } from "../../../src/console/page/histories.ts"
import { type History, historyColumns } from "../../../src/telemetry/TrafficReport.ts"

const history = (starts: ReadonlyArray<number>, value: number): History => ({
  widthMillis: 10,
  starts,
  columns: Object.fromEntries(
    historyColumns.map((name) => [name, starts.map(() => value)]),
  ) as unknown as History["columns"],
})

it("what is told later takes the place of what was told of the same time", () => {
  const both = joined(history([10, 20, 30], 1), history([30, 40], 2))
  expect(both.starts).toEqual([10, 20, 30, 40])
  expect(both.columns.requests).toEqual([1, 1, 2, 2])
})

it("an hour is kept", () => {
  const starts = Array.from({ length: 360 }, (_, index) => index * 10)
  const both = joined(history(starts, 1), history([3_590, 3_600], 2))
  expect(both.starts).toHaveLength(360)
  expect([both.starts[0], both.starts.at(-1)]).toEqual([10, 3_600])
  expect(both.columns.heap.at(-1)).toBe(2)
})
