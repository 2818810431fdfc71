/**
 * How alike two recordings sound: the highest normalised correlation, at most 1, of a second from the middle, and how many
 * samples `heard` comes later there. Shifts of up to 100 ms are tried, since codecs delay what they encode.
 */
export const compareAudio = (
  wanted: Int16Array,
  heard: Int16Array,
): { readonly likeness: number; readonly delay: number } => {
  const from = Math.floor(wanted.length / 2)
  const length = 16_000
  let best = { likeness: 0, delay: 0 }
  for (let delay = -1_600; delay <= 1_600; delay++) {
    let product = 0
    let wantedPower = 0
    let heardPower = 0
    for (let at = from; at < from + length; at += 2) {
      const a = wanted[at] ?? 0
      const b = heard[at + delay] ?? 0
      product += a * b
      wantedPower += a * a
      heardPower += b * b
    }
    const likeness = product / Math.sqrt(wantedPower * heardPower || 1)
    if (likeness > best.likeness) best = { likeness, delay }
  }
  return best
}
