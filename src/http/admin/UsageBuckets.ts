import { wholeNumbers } from "../../billing/WholeNumber.ts"
import { Errors } from "../../contract/Errors.ts"

/** OpenAI's widths, in seconds, with how many buckets a page has unless asked for, and at most. */
const widths = {
  "1m": { seconds: 60, usual: 60, most: 1_440 },
  "1h": { seconds: 3_600, usual: 24, most: 168 },
  "1d": { seconds: 86_400, usual: 7, most: 31 },
} as const

interface Asked {
  readonly start_time: number
  readonly end_time?: number | undefined
  readonly bucket_width?: keyof typeof widths | undefined
  readonly limit?: number | undefined
  readonly page?: string | undefined
}

/** One page of buckets, in Unix seconds: `starts` of each, its `width`, what of them is asked for, and the next page. */
export interface UsageBuckets {
  readonly starts: ReadonlyArray<number>
  readonly width: number
  /** What is asked for of this page, `until` exclusive. It may cut the first and the last bucket. */
  readonly from: number
  readonly until: number
  readonly nextPage: string | null
}

const pagePattern = /^page_(\d{1,11})$/

/**
 * The buckets of one page. They begin at whole UTC minutes, hours or days, so that whoever asks, a moment falls into the
 * same bucket. The times asked for are kept to the second all the same: spans that adjoin tell everything once.
 *
 * @param now Unix seconds; nothing is reported of the time after it
 * @param most buckets of a page at most, where that is not the width's own limit
 */
export const usageBuckets = (asked: Asked, now: number, most?: number) => {
  const { seconds: width, usual, most: widthsMost } = widths[asked.bucket_width ?? "1d"]
  const limit = asked.limit ?? usual
  const allowed = most ?? widthsMost
  if (limit < 1 || limit > allowed) return Errors.invalidValue("limit", wholeNumbers(1, allowed))
  if (asked.end_time !== undefined && asked.end_time <= asked.start_time) {
    return Errors.invalidValue("end_time", "expected a time after start_time")
  }
  const end = Math.min(asked.end_time ?? now + 1, now + 1)
  const firstOfAll = asked.start_time - (asked.start_time % width)
  const first = asked.page === undefined ? firstOfAll : Number(pagePattern.exec(asked.page)?.[1])
  if (!(first >= firstOfAll && (first - firstOfAll) % width === 0)) {
    return Errors.invalidValue("page", "expected the next_page of an answer to the same question")
  }
  const count = asked.start_time >= end ? 0 : Math.max(0, Math.min(limit, Math.ceil((end - first) / width)))
  const next = first + count * width
  return {
    starts: Array.from({ length: count }, (_, index) => first + index * width),
    width,
    from: Math.max(asked.start_time, first),
    until: Math.min(next, end),
    nextPage: count > 0 && next < end ? `page_${next}` : null,
  } satisfies UsageBuckets
}
