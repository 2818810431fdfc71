import { type FileHandle, open } from "node:fs/promises"

/** Bytes of a file's beginning and of each field's head that are read at a time. */
const headBytes = 32

/** More than any exporter writes. */
const longestText = 1_048_576

/** What a file is that should be an ONNX model and is none; completes a sentence that begins with the file's name. */
export class NoOnnxFile extends Error {}

const varint = (bytes: Uint8Array, from: number) => {
  let value = 0
  for (let i = 0; i < 10; i += 1) {
    const byte = bytes[from + i]
    if (byte === undefined) return undefined
    value += (byte & 127) * 2 ** (7 * i)
    if (byte < 128) return { value, next: from + i + 1 }
  }
  return undefined
}

interface Field {
  readonly number: number
  readonly from: number
  readonly to: number
}

const cutOff = () => new NoOnnxFile("is cut off: copy it again")

const makeReader = (file: FileHandle, size: number) => {
  const read = async (from: number, length: number) => {
    const bytes = Buffer.alloc(Math.min(length, Math.max(0, size - from)))
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
    return bytes.subarray(0, bytesRead)
  }

  /** The field at `at`: of the kind that holds numbers, `from` and `to` are the same. */
  const field = async (at: number): Promise<Field> => {
    const head = await read(at, headBytes)
    const tag = varint(head, 0)
    const second = tag && varint(head, tag.next)
    if (tag === undefined || second === undefined) throw cutOff()
    const [number, kind] = [Math.floor(tag.value / 8), tag.value % 8]
    if (kind === 0) return { number, from: at + second.next, to: at + second.next }
    if (kind !== 2 || number === 0) throw new NoOnnxFile("is no ONNX model")
    const from = at + second.next
    if (from + second.value > size) throw cutOff()
    return { number, from, to: from + second.value }
  }
  return { read, field }
}

/** `key` and `value` of an entry of the metadata. */
const entryOf = (bytes: Buffer): readonly [string, string] => {
  const texts = ["", ""]
  for (let at = 0; at < bytes.length;) {
    const tag = varint(bytes, at)
    const length = tag && varint(bytes, tag.next)
    if (tag === undefined || length === undefined) break
    at = length.next + length.value
    const place = Math.floor(tag.value / 8) - 1
    if (place in texts) texts[place] = bytes.toString("utf8", length.next, at)
  }
  return [texts[0]!, texts[1]!]
}

const graphField = 7
const metadataField = 14

/**
 * What the exporter of the model at `path` has written into its metadata. Read by hand, weights and all left out: a model can be of
 * gigabytes, and sherpa-onnx ends the process at metadata that it misses. Fails with `NoOnnxFile`, also for a file that is cut off.
 */
export const onnxMetadata = async (path: string): Promise<ReadonlyMap<string, string>> => {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const { field, read } = makeReader(file, size)
    const start = (await read(0, headBytes)).toString("latin1")
    if (start.startsWith("version https://git-lfs"))
      throw new NoOnnxFile("is a pointer of Git LFS, not the model: get the file itself with `git lfs pull`")
    if (size === 0) throw new NoOnnxFile("is empty")
    const metadata = new Map<string, string>()
    let hasGraph = false
    for (let at = 0; at < size;) {
      const { from, number, to } = await field(at)
      at = to
      hasGraph ||= number === graphField
      if (number !== metadataField || to - from > longestText) continue
      const [key, value] = entryOf(await read(from, to - from))
      metadata.set(key, value)
    }
    if (!hasGraph) throw new NoOnnxFile("is no ONNX model")
    return metadata
  } finally {
    await file.close()
  }
}
