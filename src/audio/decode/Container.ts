/** What a file is by its first bytes. `mp4` and `adts` hold AAC, which nothing on npm decodes under a permissive licence. */
export type Container =
  | ("wav" | "flac" | "ogg-opus" | "ogg-vorbis" | "ogg-flac" | "webm" | "mp3")
  | ("mp4" | "adts" | "aiff" | "amr" | "au" | "caf" | "ogg-speex")

/**
 * @property start where the container begins, in bytes: taggers put theirs in front of it
 */
export interface Sniffed {
  readonly container: Container
  readonly start: number
}

/** Answers the bytes from `offset`, as many as there are up to `length`: the beginning of `into`, where that is given. */
export type ReadAt = (offset: number, length: number, into?: Uint8Array) => Uint8Array

const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)

/** How far into a file the first MPEG frame is looked for: some encoders pad, some cuts begin inside a frame. */
const searchBytes = 4_096

/** kbit/s of layer III by index, for MPEG-1 and for MPEG-2 and 2.5. */
const mp3Bitrates = [
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
]

/** Length of the MPEG audio frame at `at` in bytes, by its header; undefined where there is none. */
const mp3FrameBytes = (bytes: Uint8Array, at: number): number | undefined => {
  const [, b1 = 0, b2 = 0] = bytes.subarray(at, at + 3)
  const version = (b1 >> 3) & 3
  if (bytes[at] !== 0xff || (b1 & 0xe6) !== 0xe2 || version === 1) return undefined
  const bitrate = mp3Bitrates[version === 3 ? 0 : 1]![b2 >> 4]
  const rate = [44_100, 48_000, 32_000][(b2 >> 2) & 3]
  if (!bitrate || rate === undefined) return undefined
  const sampleRate = version === 3 ? rate : version === 2 ? rate / 2 : rate / 4
  return Math.floor(((version === 3 ? 144_000 : 72_000) * bitrate) / sampleRate) + ((b2 >> 1) & 1)
}

const adtsFrameBytes = (bytes: Uint8Array, at: number): number | undefined => {
  const [, b1 = 0, b2 = 0, b3 = 0, b4 = 0, b5 = 0] = bytes.subarray(at, at + 6)
  if (bytes[at] !== 0xff || (b1 & 0xf6) !== 0xf0 || ((b2 >> 2) & 0xf) > 12) return undefined
  const length = ((b3 & 3) << 11) | (b4 << 3) | (b5 >> 5)
  return length < 7 ? undefined : length
}

/** Two frames in a row, or one that ends with the file: eleven bits of sync alone are found in any noise. */
const hasFrames = (
  bytes: Uint8Array,
  atEnd: boolean,
  frameBytes: (bytes: Uint8Array, at: number) => number | undefined,
): boolean => {
  for (let at = 0; at < Math.min(bytes.length, searchBytes); at++) {
    const length = frameBytes(bytes, at)
    if (length === undefined) continue
    const next = at + length
    if (frameBytes(bytes, next) !== undefined) return true
    if (atEnd && at === 0 && next === bytes.length) return true
  }
  return false
}

const oggCodec = (page: Uint8Array): Container | undefined => {
  const packet = page.subarray(27 + (page[26] ?? 0))
  if (text(packet.subarray(0, 8)) === "OpusHead") return "ogg-opus"
  if (text(packet.subarray(0, 7)) === "\u0001vorbis") return "ogg-vorbis"
  if (text(packet.subarray(0, 8)) === "Speex   ") return "ogg-speex"
  return text(packet.subarray(0, 5)) === "\u007fFLAC" ? "ogg-flac" : undefined
}

/** More than taggers that know nothing of each other leave, and few enough that a file of nothing else costs no time. */
const mostTags = 1_000

/** Padding that is passed over in one go, and in all. */
const paddingBytes = 4_096
const mostPadding = 1_048_576

/** The length of an ID3v2 tag at the start, in bytes: covers can be megabytes. */
const id3Bytes = (head: Uint8Array): number => {
  if (text(head.subarray(0, 3)) !== "ID3" || head.length < 10) return 0
  const [a = 0, b = 0, c = 0, d = 0] = head.subarray(6, 10)
  return 10 + (((a & 0x7f) << 21) | ((b & 0x7f) << 14) | ((c & 0x7f) << 7) | (d & 0x7f)) + (head[5]! & 0x10 ? 10 : 0)
}

/** The length of an APE tag at the start, in bytes. */
const apeBytes = (head: Uint8Array): number => {
  if (text(head.subarray(0, 8)) !== "APETAGEX" || head.length < 32) return 0
  return 32 + new DataView(head.buffer, head.byteOffset).getUint32(12, true)
}

const isFilm = (head: Uint8Array): boolean => text(head.subarray(4, 8)) === "ftyp"

/** Where the file proper begins: behind tags, which are put in front of each other, and zeros, which tags leave behind. */
const behindTags = (read: ReadAt): number => {
  let offset = 0
  let padding = 0
  for (let tags = 0; tags < mostTags && padding < mostPadding;) {
    const head = read(offset, paddingBytes)
    const zeros = head.findIndex((byte) => byte !== 0)
    // Up to three are the beginning of a film: the size of its first box.
    if (zeros > 3 || (zeros < 0 && head.length > 0)) {
      const passed = zeros < 0 ? head.length : zeros
      padding += passed
      offset += passed
      if (isFilm(read(offset - 3, 8))) return offset - 3
      continue
    }
    const tag = id3Bytes(head) || apeBytes(head)
    if (tag === 0) return offset
    tags += 1
    offset += tag
  }
  return offset
}

/** Looks at the bytes alone: names and content types of uploads are often wrong. */
export const sniffContainer = (read: ReadAt): Sniffed | undefined => {
  const start = behindTags(read)
  const container = containerAt((offset, length) => read(start + offset, length))
  return container && { container, start }
}

const containerAt = (read: ReadAt): Container | undefined => {
  const window = searchBytes * 4
  const head = read(0, window)
  const start = text(head.subarray(0, 4))
  if ((start === "RIFF" || start === "RF64") && text(head.subarray(8, 12)) === "WAVE") return "wav"
  if (start === "fLaC") return "flac"
  if (start === "OggS") return oggCodec(head)
  if (start === "\u001aE\u00df\u00a3") return "webm"
  if (isFilm(head)) return "mp4"
  if (start === "FORM" && ["AIFF", "AIFC"].includes(text(head.subarray(8, 12)))) return "aiff"
  if (start === "caff") return "caf"
  if (start === ".snd") return "au"
  if (text(head.subarray(0, 5)) === "#!AMR") return "amr"
  const atEnd = head.length < window
  if (hasFrames(head, atEnd, mp3FrameBytes)) return "mp3"
  return hasFrames(head, atEnd, adtsFrameBytes) ? "adts" : undefined
}
