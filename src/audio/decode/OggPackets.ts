import type { ReadAt } from "./Container.ts"
import { type OpusPacket, opusSamples } from "./OpusPacket.ts"

/** The longest Opus packet that a decoder must take (RFC 7845, 6), rounded up. */
export const maxPacketBytes = 65_536

const isPage = (bytes: Uint8Array, at = 0): boolean =>
  bytes[at] === 0x4f && bytes[at + 1] === 0x67 && bytes[at + 2] === 0x67 && bytes[at + 3] === 0x53

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 8))

/** The next page from `offset` on, past bytes that are none; undefined at the end of the file. */
const nextPage = (read: ReadAt, offset: number): number | undefined => {
  for (let from = offset; ;) {
    const bytes = read(from, 4_096)
    if (bytes.length < 27) return undefined
    for (let at = 0; at <= bytes.length - 4; at++) if (isPage(bytes, at)) return from + at
    from += bytes.length - 3
  }
}

/** Where a page's last packet ends in samples at 48 kHz (RFC 7845, 4); undefined: none ends in it. */
const granuleOf = (head: Uint8Array): number | undefined => {
  const granule = new DataView(head.buffer, head.byteOffset).getBigInt64(6, true)
  return granule < 0n ? undefined : Number(granule)
}

/** `packets` of a page, of which all but the first `keep` samples are cut off. */
const cutTo = (keep: number, packets: ReadonlyArray<Uint8Array>): ReadonlyArray<OpusPacket> => {
  let left = keep
  return packets.map((bytes) => {
    const samples = opusSamples(bytes)
    const discard = Math.max(0, samples - Math.max(0, left))
    left -= samples
    return { bytes, discard }
  })
}

/**
 * The packets of the Opus stream in an Ogg file (RFC 3533), its `OpusHead` first, without the tags. Always moves forward,
 * whatever the bytes; the page that a file is cut off in, or a packet whose beginning is lost, is left out. The page that says
 * it is the last says where its audio ends.
 */
export function* oggPackets(read: ReadAt): Iterable<OpusPacket> {
  let serial: number | undefined
  let partial: Array<Uint8Array> = []
  let endOfPage = 0
  for (let offset = nextPage(read, 0); offset !== undefined;) {
    const head = read(offset, 27)
    if (head.length < 27) return
    const lengths = read(offset + 27, head[26]!)
    const body = lengths.reduce((sum, length) => sum + length, 0)
    const page = read(offset + 27 + lengths.length, body)
    const flags = head[5]!
    const stream = new DataView(head.buffer, head.byteOffset).getUint32(14, true)
    const begins = (flags & 2) !== 0 && text(page) === "OpusHead"
    if (begins) serial = stream
    if (stream === serial && page.length === body) {
      let orphan = (flags & 1) !== 0 && partial.length === 0
      if ((flags & 1) === 0) partial = []
      let at = 0
      const packets: Array<Uint8Array> = []
      for (const length of lengths) {
        partial.push(page.subarray(at, at + length))
        at += length
        if (length === 255) continue
        const packet = partial.length === 1 ? partial[0]! : Buffer.concat(partial)
        partial = []
        if (!orphan && text(packet) !== "OpusTags" && packet.length <= maxPacketBytes) packets.push(packet)
        orphan = false
      }
      const granule = begins ? 0 : granuleOf(head)
      const last = (flags & 4) !== 0 && granule !== undefined && granule >= endOfPage
      yield* cutTo(last && !begins ? granule - endOfPage : Infinity, packets)
      endOfPage = granule ?? endOfPage
      // A thousand pieces are a packet of 250 KiB, which no codec makes.
      if (orphan || partial.length > 1_024) partial = []
    }
    offset = nextPage(read, offset + 27 + lengths.length + page.length)
  }
}
