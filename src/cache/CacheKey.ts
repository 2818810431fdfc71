import { hash } from "node:crypto"
import { Schema } from "effect"
import { noSounds, type Sounds } from "../audio/Sounds.ts"

/** Names an entry: 64 lower-case hexadecimal digits, a SHA-256. Safe as a file name and in a URL. */
export const CacheKey = Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/)).pipe(Schema.brand("CacheKey"))
export type CacheKey = typeof CacheKey.Type

/** What is a digest by its making is not looked at again, since every request has one. */
export const keyOfDigest = (digest: string): CacheKey => digest as CacheKey

/**
 * Version of everything between the parts below and the bytes: how text is split and joined, encoders and their
 * options, resampling. Raise it when the same parts begin to give other bytes; old entries then age out unused.
 */
export const keyVersion = 3

/**
 * Everything that changes the bytes of a speech, and nothing else.
 *
 * @property text as the engine gets it, normalised
 * @property voice the engine's own spelling, never an alias
 * @property language BCP 47
 * @property format what the audio is encoded as, such as `mp3`
 * @property sampleRate Hz
 * @property speed 1 is the voice's own pace
 * @property model the engine's name and version
 * @property sounds the words that are said by their sounds, and those; empty or absent: none
 */
export interface CacheKeyParts {
  readonly text: string
  readonly voice: string
  readonly language: string
  readonly format: string
  readonly sampleRate: number
  readonly speed: number
  readonly model: string
  readonly sounds?: Sounds
}

/** Written in this order; a new part that every speech has goes to the end and raises `keyVersion`. */
const order = ["text", "voice", "language", "format", "sampleRate", "speed", "model"] as const

/**
 * The key of a speech. Every field is preceded by its length in bytes, so no text can pose as the next field, and the
 * order is fixed here, not by the object.
 */
export const cacheKey = (parts: CacheKeyParts): CacheKey => {
  const sounds = [...(parts.sounds ?? noSounds)].toSorted(([a], [b]) => (a < b ? -1 : 1)).flat()
  const fields = ["aviary/speech", String(keyVersion), ...order.map((name) => String(parts[name])), ...sounds]
  let length = 0
  for (const field of fields) length += 4 + Buffer.byteLength(field)
  // At once: every piece would be a call of its own, for each request.
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const field of fields) {
    const written = bytes.write(field, at + 4)
    bytes.writeUInt32BE(written, at)
    at += 4 + written
  }
  return keyOfDigest(hash("sha256", bytes, "hex"))
}
