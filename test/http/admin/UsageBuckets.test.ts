import { expect, it } from "@effect/vitest"
import { ApiError } from "../../../src/contract/ApiError.ts"
import { usageBuckets } from "../../../src/http/admin/UsageBuckets.ts"

const day = 86_400
const monday = Date.UTC(2026, 10, 16) / 1000

const bucketsOf = (...asked: Parameters<typeof usageBuckets>) => {
  const found = usageBuckets(...asked)
  if (found instanceof ApiError) throw found
  return found
}

it("has the UTC day that holds the start, cut by it, and ends with the present", () => {
  const { starts, nextPage, from, until } = bucketsOf({ start_time: monday + 5_000 }, monday + 2 * day + 10)
  expect(starts).toEqual([monday, monday + day, monday + 2 * day])
  expect([from, until, nextPage]).toEqual([monday + 5_000, monday + 2 * day + 11, null])
})

it.each([1, 2, 31])("tells every second of what is asked for once, %i days to a page", (limit) => {
  const asked = { start_time: monday + 70, end_time: monday + 2 * day + 90, limit }
  const spans: Array<readonly [number, number]> = []
  let page: string | null | undefined
  do {
    const { from, until, nextPage } = bucketsOf({ ...asked, page: page ?? undefined }, monday + 9 * day)
    spans.push([from, until])
    page = nextPage
  } while (page !== null)
  expect(spans[0]?.[0]).toBe(asked.start_time)
  expect(spans.at(-1)?.[1]).toBe(asked.end_time)
  expect(spans.slice(1).map(([from]) => from)).toEqual(spans.slice(0, -1).map(([, until]) => until))
})

it("each page goes on where the one before ended, and every bucket comes once", () => {
  const asked = { start_time: monday, end_time: monday + 7 * 3_600, bucket_width: "1h", limit: 3 } as const
  const told: Array<number> = []
  let page: string | null | undefined
  do {
    const { starts, nextPage } = bucketsOf({ ...asked, page: page ?? undefined }, monday + day)
    told.push(...starts)
    page = nextPage
  } while (page !== null)
  expect(told).toEqual(Array.from({ length: 7 }, (_, hour) => monday + hour * 3_600))
})

it("has as many buckets as OpenAI's unless asked for", () => {
  const since = { start_time: 0 }
  expect(bucketsOf(since, monday).starts).toHaveLength(7)
  expect(bucketsOf({ ...since, bucket_width: "1h" }, monday).starts).toHaveLength(24)
  expect(bucketsOf({ ...since, bucket_width: "1m" }, monday).starts).toHaveLength(60)
  expect(bucketsOf({ ...since, limit: 180 }, monday, 180).starts).toHaveLength(180)
})

it("is empty for what has not begun", () => {
  expect(bucketsOf({ start_time: monday + day }, monday)).toMatchObject({ starts: [], nextPage: null })
  expect(bucketsOf({ start_time: monday + 60 }, monday)).toMatchObject({ starts: [], nextPage: null })
})

it.each([
  ["limit", { start_time: 0, limit: 32 }],
  ["limit", { start_time: 0, limit: 0 }],
  ["end_time", { start_time: 10, end_time: 10 }],
  ["page", { start_time: monday, page: "page_" }],
  ["page", { start_time: monday, page: "2" }],
  ["page", { start_time: monday, page: `page_${monday - day}` }],
  ["page", { start_time: monday, page: `page_${monday + 1}` }],
])("refuses a wrong %s: %j", (param, asked) => {
  expect(usageBuckets(asked, monday + 90 * day)).toMatchObject({ status: 400, param })
})
