const nothing: Uint8Array = new Uint8Array()
const lineFeed = 0x0a

/**
 * Bytes that come in pieces and leave from the front. The room for them doubles: with a new one for each piece, a frame that comes in
 * pieces of a byte is copied as many times as it has bytes.
 */
export const makeInbox = () => {
  let room = nothing
  let from = 0
  let to = 0
  let searched = 0

  return {
    add: (piece: Uint8Array): void => {
      // A piece that comes alone is not copied. It fills its room, so nothing is ever written into it.
      if (from === to) [room, from, to, searched] = [piece, 0, 0, 0]
      else if (piece.length > room.length - to) {
        const kept = room.subarray(from, to)
        room = new Uint8Array(2 * (kept.length + piece.length))
        room.set(kept)
        ;[searched, from, to] = [searched - from, 0, kept.length]
      }
      if (room !== piece) room.set(piece, to)
      to += piece.length
    },
    size: (): number => to - from,
    /** The byte that `at` others stand before. */
    peek: (at: number): number => room[from + at]!,
    /** How many bytes stand before the first line feed, or -1. What was searched before is not searched again. */
    lineLength: (): number => {
      const end = room.subarray(searched, to).indexOf(lineFeed)
      searched = end === -1 ? to : searched + end
      return end === -1 ? -1 : searched - from
    },
    /** Takes the first `length` bytes: a view of memory that is written nothing else. */
    take: (length: number): Uint8Array => {
      const taken = room.subarray(from, from + length)
      from += length
      searched = from
      return taken
    },
  }
}
