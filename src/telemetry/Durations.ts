/** Bins per doubling: a percentile is off by at most 9 %. */
const binsPerDoubling = 4

/** From 1 ms up to 2^20 ms, some 17 minutes; what takes longer is in the last bin. */
const doublings = 20

const bins = binsPerDoubling * doublings + 1

/** How long things took, in milliseconds, in a memory that does not grow: how many there were in each range of lengths. */
export class Durations {
  private readonly counts = new Uint32Array(bins)
  count = 0

  add(millis: number): void {
    this.counts[Math.max(0, Math.min(bins - 1, Math.ceil(Math.log2(Math.max(1, millis)) * binsPerDoubling)))]! += 1
    this.count += 1
  }

  /** The length that `share` of them stay within, 0 to 1; NaN where there were none. */
  percentile(share: number): number {
    if (this.count === 0) return Number.NaN
    let left = Math.ceil(share * this.count)
    for (let bin = 0; bin < bins; bin++) {
      left -= this.counts[bin]!
      if (left <= 0) return bin === 0 ? 1 : 2 ** ((bin - 0.5) / binsPerDoubling)
    }
    return 2 ** doublings
  }

  get byteLength(): number {
    return this.counts.byteLength
  }

  clear(): void {
    this.counts.fill(0)
    this.count = 0
  }
}
