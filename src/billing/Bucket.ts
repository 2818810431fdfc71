/** In which an empty bucket fills, in milliseconds. */
const minute = 60_000

/** A third thrice is a little less than one. */
const rounding = 1e-6

/**
 * A limit of `size` a minute: full when it is made, and refilling steadily. All times are milliseconds of a monotonic
 * clock: by the time of day, a limit that was spent while the clock ran ahead stays spent until that time comes again.
 * Effect's own limiter goes by the time of day, and cannot be given anything back.
 */
export interface Bucket {
  readonly size: number
  /** Whole tokens that are there. */
  readonly left: (now: number) => number
  /** Those that others may take too included, where there are others. */
  readonly remaining?: (now: number) => number
  /** Milliseconds until there are `tokens`, at most `size` of them. */
  readonly untilThere: (tokens: number, now: number) => number
  /** Takes `tokens`, of which there are as many; below zero gives them back, as far as there is room. */
  readonly take: (tokens: number, now: number) => void
}

export const makeBucket = (size: number): Bucket => {
  const perToken = minute / size
  let fullAt = 0
  const untilFull = (now: number) => Math.max(0, fullAt - now)
  return {
    size,
    left: (now) => Math.floor((minute - untilFull(now)) / perToken + rounding),
    untilThere: (tokens, now) => Math.max(0, Math.ceil(untilFull(now) - (size - tokens) * perToken - rounding)),
    take: (tokens, now) => {
      fullAt = Math.max(fullAt, now) + tokens * perToken
    },
  }
}
