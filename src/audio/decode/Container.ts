/** What a file is by its first bytes. `mp4` and `adts` hold AAC, which nothing on npm decodes under a permissive licence. */
export type Container = "wav" | "flac" | "ogg-opus" | "ogg-vorbis" | "ogg-flac" | "webm" | "mp3" | "mp4" | "adts"

/** Answers the bytes from `offset`, as many as there are up to `length`. */
export type ReadAt = (offset: number, length: number) => Uint8Array

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
  return text(packet.subarray(0, 5)) === "\u007fFLAC" ? "ogg-flac" : undefined
}

/** The length of an ID3v2 tag at the start, in bytes: covers can be megabytes. */
const id3Bytes = (head: Uint8Array): number => {
  if (text(head.subarray(0, 3)) !== "ID3" || head.length < 10) return 0
  const [a = 0, b = 0, c = 0, d = 0] = head.subarray(6, 10)
  return 10 + (((a & 0x7f) << 21) | ((b & 0x7f) << 14) | ((c & 0x7f) << 7) | (d & 0x7f)) + (head[5]! & 0x10 ? 10 : 0)
}

/** Looks at the bytes alone: names and content types of uploads are often wrong. */
export const sniffContainer = (read: ReadAt): Container | undefined => {
  const tag = id3Bytes(read(0, 10))
  const window = searchBytes * 4
  const head = read(tag, window)
  const start = text(head.subarray(0, 4))
  if ((start === "RIFF" || start === "RF64") && text(head.subarray(8, 12)) === "WAVE") return "wav"
  if (start === "fLaC") return "flac"
  if (start === "OggS") return oggCodec(head)
  if (start === "\u001aE\u00df\u00a3") return "webm"
  if (text(head.subarray(4, 8)) === "ftyp") return "mp4"
  const atEnd = head.length < window
  if (hasFrames(head, atEnd, mp3FrameBytes)) return "mp3"
  return hasFrames(head, atEnd, adtsFrameBytes) ? "adts" : undefined
}
