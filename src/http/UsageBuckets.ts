import { Errors } from "../contract/Errors.ts"

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

/** One page of buckets, in Unix seconds: `starts` of each, its `width`, where the last one ends, and the next page. */
export interface UsageBuckets {
  readonly starts: ReadonlyArray<number>
  readonly width: number
  /** End of what is asked for; the last bucket of all may be cut by it. */
  readonly until: number
  readonly nextPage: string | null
}

const pagePattern = /^page_(\d{1,11})$/

/**
 * The buckets of one page. They begin at whole UTC minutes, hours or days, so that whoever asks, a moment falls into the
 * same bucket.
 *
 * @param now Unix seconds; nothing is reported of the time after it
 * @param most buckets of a page at most, where that is not the width's own limit
 */
export const usageBuckets = (asked: Asked, now: number, most?: number) => {
  const { seconds: width, usual, most: widthsMost } = widths[asked.bucket_width ?? "1d"]
  const limit = asked.limit ?? usual
  const allowed = most ?? widthsMost
  if (limit > allowed) return Errors.invalidValue("limit", `expected a whole number from 1 to ${allowed}`)
  if (asked.end_time !== undefined && asked.end_time <= asked.start_time) {
    return Errors.invalidValue("end_time", "expected a time after start_time")
  }
  const until = Math.min(asked.end_time ?? now + 1, now + 1)
  const first = asked.start_time - (asked.start_time % width)
  const from = asked.page === undefined ? first : Number(pagePattern.exec(asked.page)?.[1])
  if (!(from >= first && (from - first) % width === 0)) {
    return Errors.invalidValue("page", "expected the next_page of an answer to the same question")
  }
  const count = Math.max(0, Math.min(limit, Math.ceil((until - from) / width)))
  const starts = Array.from({ length: count }, (_, index) => from + index * width)
  const next = from + count * width
  return { starts, width, until, nextPage: next < until ? `page_${next}` : null } satisfies UsageBuckets
}
