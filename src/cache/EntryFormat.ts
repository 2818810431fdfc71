import { hash } from "node:crypto"
import { Option, Schema } from "effect"
import { CacheKey } from "./CacheKey.ts"
import { unixMillis } from "../telemetry/UnixMillis.ts"

/**
 * What the maker of an entry says about it.
 *
 * @property durationMs length of the audio in milliseconds
 * @property voice the engine's own spelling
 */
export const Description = Schema.Struct({
  contentType: Schema.String,
  durationMs: Schema.Finite,
  characters: Schema.Int.annotate({ description: "Length of its text, in Unicode code points." }),
  voice: Schema.String,
})
export type Description = typeof Description.Type

/**
 * Everything known about a committed entry.
 *
 * @property sha256 of the audio, hexadecimal
 */
export const Metadata = Schema.Struct({
  ...Description.fields,
  key: CacheKey,
  keyVersion: Schema.Int,
  length: Schema.Int.annotate({ description: "Size of the audio, in bytes." }),
  sha256: Schema.String,
  created: unixMillis,
})
export type Metadata = typeof Metadata.Type

/**
 * An entry is one file, so that one rename shows audio and metadata together:
 *
 *     audio | metadata, JSON | trailer of 84 bytes
 *
 *     trailer: audio length (8) | SHA-256 of the audio (32) | metadata length (4)
 *              | SHA-256 of metadata and the trailer so far (32) | magic (8)
 *
 * Numbers are big endian. Audio begins at byte 0, so that a listener who began to read the temporary file reads on at
 * the same offsets after the commit.
 */
const trailerBytes = 84
const sealedBytes = 44
const magic = Buffer.from("AVIARY\x00\x01", "latin1")

/** A footer never takes more: reading this much from the end of a file always gets all of it. */
export const maxFooterBytes = 4096

const json = Schema.fromJsonString(Metadata)
const decodeJson = Schema.decodeUnknownOption(json)

const seal = (metadata: Uint8Array, trailer: Uint8Array) =>
  hash("sha256", Buffer.concat([metadata, trailer.subarray(0, sealedBytes)]), "buffer")

/** What follows the audio, or nothing if the metadata does not fit (a voice or content type of thousands of characters). */
export const encodeFooter = (metadata: Metadata): Option.Option<Uint8Array> => {
  const text = Buffer.from(JSON.stringify(metadata), "utf8")
  if (text.length + trailerBytes > maxFooterBytes) return Option.none()
  const trailer = Buffer.alloc(trailerBytes)
  trailer.writeBigUInt64BE(BigInt(metadata.length), 0)
  Buffer.from(metadata.sha256, "hex").copy(trailer, 8)
  trailer.writeUInt32BE(text.length, 40)
  seal(text, trailer).copy(trailer, sealedBytes)
  magic.copy(trailer, 76)
  return Option.some(Buffer.concat([text, trailer]))
}

/**
 * Reads the footer back. `tail` is the end of a file of `size` bytes, at least `maxFooterBytes` of it or all.
 * Nothing unless every length and the footer's own checksum agree and the entry is `key`'s: a file that was cut,
 * altered or renamed is no entry. The audio's checksum is not looked at.
 */
export const decodeFooter = (tail: Uint8Array, size: number, key: CacheKey): Option.Option<Metadata> => {
  const bytes = Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength)
  if (bytes.length < trailerBytes) return Option.none()
  const trailer = bytes.subarray(bytes.length - trailerBytes)
  if (!trailer.subarray(76).equals(magic)) return Option.none()
  const textLength = trailer.readUInt32BE(40)
  if (textLength + trailerBytes > bytes.length) return Option.none()
  const text = bytes.subarray(bytes.length - trailerBytes - textLength, bytes.length - trailerBytes)
  if (!trailer.subarray(sealedBytes, 76).equals(seal(text, trailer))) return Option.none()
  const length = Number(trailer.readBigUInt64BE(0))
  const sha256 = trailer.subarray(8, 40).toString("hex")
  return decodeJson(text.toString("utf8")).pipe(
    Option.filter(
      (metadata) =>
        metadata.key === key &&
        metadata.length === length &&
        metadata.sha256 === sha256 &&
        length + textLength + trailerBytes === size,
    ),
  )
}
