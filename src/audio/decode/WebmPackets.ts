import { undecodable } from "../DecodeError.ts"
import type { ReadAt } from "./Container.ts"
import type { NeedsFfmpeg } from "./NeedsFfmpeg.ts"
import { maxPacketBytes } from "./OggPackets.ts"
import type { OpusPacket } from "./OpusPacket.ts"

/** Element ids of RFC 9559, with their length marker. */
const cluster = 0x1f43b675
const trackEntry = 0xae
/** Elements that are walked into. All others are read or skipped as a whole. */
const masters = new Set([0x18538067, cluster, 0x1654ae6b, trackEntry, 0xa0])
const trackNumber = 0xd7
const trackType = 0x83
const codecId = 0x86
const codecPrivate = 0x63a2
const blocks = new Set([0xa3, 0xa1])
/** Nanoseconds at the end of the block beside it that are not to be heard. */
const discardPadding = 0x75a2

interface Track {
  number: number
  type: number
  codec: string
  head: Uint8Array
}

interface Element {
  readonly id: number
  /** Bytes of the content; undefined: until something else begins, as browsers write while they record. */
  readonly size: number | undefined
  readonly headBytes: number
}

/** A variable-length integer (RFC 8794, 4) of at most `limit` bytes; `keep` leaves its length marker in, as ids have it. */
const vint = (bytes: Uint8Array, at: number, limit: number, keep: boolean) => {
  const first = bytes[at] ?? 0
  const length = Math.clz32(first) - 23
  if (length > limit || at + length > bytes.length) return undefined
  let value = keep ? first : first & (0xff >> length)
  let unknown = (first | (0xff << (8 - length))) === (0xff | (0xff << (8 - length)))
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index]!
    value = value * 256 + byte
    unknown &&= byte === 0xff
  }
  return { value, length, unknown }
}

const readElement = (read: ReadAt, offset: number): Element | undefined => {
  const bytes = read(offset, 12)
  const id = vint(bytes, 0, 4, true)
  const size = id && vint(bytes, id.length, 8, false)
  if (!id || !size) return undefined
  return { id: id.value, size: size.unknown ? undefined : size.value, headBytes: id.length + size.length }
}

/** Where the next cluster begins, for going on after damage. */
const nextCluster = (read: ReadAt, offset: number): number | undefined => {
  for (let from = offset; ;) {
    const bytes = Buffer.from(read(from, 4_096))
    const found = bytes.indexOf("1f43b675", 0, "hex")
    if (found >= 0) return from + found
    if (bytes.length <= 3) return undefined
    from += bytes.length - 3
  }
}

const unsigned = (bytes: Uint8Array): number => bytes.reduce((value, byte) => value * 256 + byte, 0)

const signed = (bytes: Uint8Array): number => Number(BigInt.asIntN(bytes.length * 8, BigInt(unsigned(bytes))))

const describeTrack = (track: Track, id: number, bytes: Uint8Array): void => {
  if (id === trackNumber) track.number = unsigned(bytes)
  else if (id === trackType) track.type = unsigned(bytes)
  else if (id === codecId) track.codec = String.fromCharCode(...bytes)
  else if (id === codecPrivate) track.head = bytes
}

/** The frame in a block of `track`; undefined if the block is another track's. */
const frameOf = (block: Uint8Array, track: Track, needsFfmpeg: NeedsFfmpeg): Uint8Array | undefined => {
  const number = vint(block, 0, 8, false)
  if (number === undefined || number.value !== track.number || block.length < number.length + 3) return undefined
  // Several frames in one block: no browser writes that for Opus.
  if ((block[number.length + 2]! & 6) !== 0) throw needsFfmpeg
  return block.subarray(number.length + 3)
}

/**
 * The packets of the first audio track of a WebM or Matroska file, its `OpusHead` first. Reads on from element to
 * element without regard to where their parents end, so files of unknown size, cut files and lying sizes are all one
 * case, and it always moves forward: a demuxer that follows sizes and indices was seen to loop for ever on damage.
 *
 * Throws a `DecodeError` if there is no audio, and `needsFfmpeg` if it is not Opus.
 */
export function* webmPackets(read: ReadAt, needsFfmpeg: NeedsFfmpeg): Iterable<OpusPacket> {
  const tracks: Array<Track> = []
  let audio: Track | undefined
  /** Held until what follows it says whether all of it is heard. */
  let held: Uint8Array | undefined
  for (let offset: number | undefined = 0; offset !== undefined;) {
    const element = readElement(read, offset)
    const { id, size, headBytes } = element ?? { id: 0, size: undefined, headBytes: 1 }
    if (masters.has(id)) {
      if (id === trackEntry && tracks.length < 64) {
        tracks.push({ number: 0, type: 0, codec: "", head: new Uint8Array(0) })
      }
      offset += headBytes
      continue
    }
    if (size === undefined) {
      offset = nextCluster(read, offset + 1)
      continue
    }
    const track = tracks.at(-1)
    if (blocks.has(id)) {
      if (audio === undefined) {
        audio = tracks.find(({ type }) => type === 2)
        if (audio === undefined) throw undecodable("The file has no audio track.")
        if (audio.codec !== "A_OPUS") throw needsFfmpeg
        yield { bytes: audio.head, discard: 0 }
      }
      const block = size > maxPacketBytes ? undefined : read(offset + headBytes, size)
      const frame = block?.length === size ? frameOf(block, audio, needsFfmpeg) : undefined
      if (held !== undefined) yield { bytes: held, discard: 0 }
      held = frame
    } else if (id === discardPadding && held !== undefined && size <= 8) {
      yield { bytes: held, discard: Math.max(0, Math.round((signed(read(offset + headBytes, size)) * 48) / 1_000_000)) }
      held = undefined
    } else if (track !== undefined && audio === undefined && size <= 4_096) {
      describeTrack(track, id, read(offset + headBytes, size))
    }
    offset += headBytes + size
  }
  if (held !== undefined) yield { bytes: held, discard: 0 }
}
