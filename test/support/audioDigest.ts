import { createHash } from "node:crypto"

const unknown = Buffer.alloc(4, 0xff)

/** What a WAV says of its length, in bytes after the header; undefined for what is none or does not know. */
export const declaredWavBytes = (bytes: Uint8Array): number | undefined => {
  const wav = Buffer.from(bytes)
  if (wav.toString("latin1", 0, 4) !== "RIFF" || wav.subarray(40, 44).equals(unknown)) return undefined
  const declared = wav.readUInt32LE(40)
  if (wav.readUInt32LE(4) !== declared + 36) throw new Error("the two sizes of the WAV header contradict each other")
  return declared
}

/**
 * SHA-256 of an answer's audio, the same for a stream and for its entry: a WAV's two sizes are unknown in the one and true in
 * the other, which is checked here and left out of the sum.
 */
export const audioDigest = (body: ArrayBuffer, cache: string | null): string => {
  const bytes = Buffer.from(body.slice())
  if (bytes.toString("latin1", 0, 4) === "RIFF") {
    const declared = declaredWavBytes(bytes)
    if (declared !== undefined && declared !== bytes.length - 44)
      throw new Error("the WAV says another length than its own")
    if (cache === "HIT" && declared === undefined) throw new Error("an entry does not know its length")
    unknown.copy(bytes, 4)
    unknown.copy(bytes, 40)
  }
  return createHash("sha256").update(bytes).digest("hex")
}
