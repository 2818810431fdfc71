/**
 * How alike two recordings sound, 0 to 1: the highest normalised correlation of a second from the middle, over shifts of
 * up to 100 ms, since codecs delay what they encode.
 */
export const likeness = (wanted: Int16Array, heard: Int16Array): number => {
  const from = Math.floor(wanted.length / 2)
  const length = 16_000
  let best = 0
  for (let shift = -1_600; shift <= 1_600; shift++) {
    let product = 0
    let wantedPower = 0
    let heardPower = 0
    for (let at = from; at < from + length; at += 2) {
      const a = wanted[at] ?? 0
      const b = heard[at + shift] ?? 0
      product += a * b
      wantedPower += a * a
      heardPower += b * b
    }
    best = Math.max(best, product / Math.sqrt(wantedPower * heardPower || 1))
  }
  return best
}
