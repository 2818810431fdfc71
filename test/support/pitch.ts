/** Hz that a voice may have. */
const [lowest, highest] = [70, 400]

/** Best lag of one window of samples, by normalised autocorrelation, to a fraction of a sample; undefined where it has no voice. */
const periodOf = (window: Int16Array, sampleRate: number): number | undefined => {
  const half = window.length / 2
  const score = (lag: number): number => {
    let [product, first, second] = [0, 0, 0]
    for (let at = 0; at < half; at++) {
      const [a, b] = [window[at]!, window[at + lag]!]
      product += a * b
      first += a * a
      second += b * b
    }
    return first === 0 || second === 0 ? 0 : product / Math.sqrt(first * second)
  }
  const shortest = Math.floor(sampleRate / highest)
  const longest = Math.min(half - 2, Math.ceil(sampleRate / lowest))
  const scores = Array.from({ length: longest + 2 }, (_, lag) => (lag < shortest - 1 ? 0 : score(lag)))
  const best = Math.max(...scores.slice(shortest, longest + 1))
  if (best < 0.8 || Math.hypot(...window) / Math.sqrt(window.length) < 300) return undefined
  // The first peak that is nearly as high: twice a period fits as well as one.
  const lag = scores.findIndex(
    (value, at) => at >= shortest && value > 0.95 * best && value >= scores[at - 1]! && value >= scores[at + 1]!,
  )
  if (lag < 1) return undefined
  const [left, mid, right] = [scores[lag - 1]!, scores[lag]!, scores[lag + 1]!]
  return lag + (left - right) / (2 * (left - 2 * mid + right))
}

/** The pitch in Hz at a place of `samples`, from 0 to 1; undefined where there is no voice. */
export const pitchAt = (samples: Int16Array, sampleRate: number, where: number): number | undefined => {
  const size = Math.round(sampleRate / 30) * 2
  const from = Math.round(where * (samples.length - size))
  const period = periodOf(samples.subarray(from, from + size), sampleRate)
  return period === undefined ? undefined : sampleRate / period
}

/** By how much the pitch of `after` differs from that of `before` in the same places: the middle one of them, 1 for not at all. */
export const pitchChange = (before: Int16Array, after: Int16Array, sampleRate: number): number => {
  const changes = Array.from({ length: 400 }, (_, at) => {
    const [first, second] = [before, after].map((samples) => pitchAt(samples, sampleRate, (at + 0.5) / 400))
    return first === undefined || second === undefined ? undefined : second / first
  })
    .filter((change) => change !== undefined)
    .toSorted((a, b) => a - b)
  if (changes.length < 15) throw new Error("too little voice in it")
  return changes[changes.length >> 1]!
}
