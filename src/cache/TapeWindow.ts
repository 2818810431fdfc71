import { sliceBytes } from "./Slice.ts"

/** What stays in memory behind the end of the tape though it is on disk: listeners who keep up never wait for a read. */
const windowBytes = 262_144

export type Bytes = readonly [Uint8Array, ...Array<Uint8Array>]

/**
 * The end of a tape, which is in memory: `[start, end)` of its bytes.
 *
 * - `after`: what follows `from`, which has to be in memory: a slice at most, uncopied, so that whoever writes it can write it at once
 * - `unspooled`: whole chunks from `spooled`, a slice or little more
 * - `dropTo`: lets go of what is on disk and behind the window
 */
export const makeTapeWindow = () => {
  const chunks: Array<{ readonly at: number; readonly bytes: Uint8Array }> = []
  let start = 0
  let end = 0
  return {
    get start() {
      return start
    },
    get end() {
      return end
    },
    append: (bytes: Uint8Array): void => {
      chunks.push({ at: end, bytes })
      end += bytes.length
    },
    after: (from: number): Bytes => {
      let low = 0
      for (let high = chunks.length - 1; low < high;) {
        const middle = (low + high + 1) >> 1
        if (chunks[middle]!.at <= from) low = middle
        else high = middle - 1
      }
      const { at, bytes } = chunks[low]!
      const first = bytes.subarray(from - at, from - at + sliceBytes)
      let size = first.length
      const all: [Uint8Array, ...Array<Uint8Array>] = [first]
      for (
        let next = chunks[low + 1];
        next !== undefined && size + next.bytes.length <= sliceBytes;
        next = chunks[++low + 1]
      ) {
        all.push(next.bytes)
        size += next.bytes.length
      }
      return all
    },
    unspooled: (spooled: number): Uint8Array => {
      const batch: Array<Uint8Array> = []
      let size = 0
      for (const { at, bytes } of chunks) {
        if (at < spooled) continue
        batch.push(bytes)
        size += bytes.length
        if (size >= sliceBytes) break
      }
      return batch.length === 1 ? batch[0]! : Buffer.concat(batch)
    },
    dropTo: (spooled: number): void => {
      while (chunks.length > 0) {
        const next = chunks[0]!.at + chunks[0]!.bytes.length
        if (next > spooled || end - next < windowBytes) return
        chunks.shift()
        start = next
      }
    },
  }
}
