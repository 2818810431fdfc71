import { Result } from "effect"
import { tooLong, undecodable } from "../DecodeError.ts"
import { parseWav } from "../Wav.ts"
import { channelSamples } from "../WavSamples.ts"
import type { AudioSource } from "./AudioSource.ts"
import type { ReadAt } from "./Container.ts"
import type { NeedsFfmpeg } from "./NeedsFfmpeg.ts"

const blockBytes = 65_536

/**
 * A file that ends before its declared length is read as far as it goes: recorders are stopped by pulling the plug. One that has
 * bytes beyond `maxSeconds` is refused before any of it is decoded.
 *
 * @param needsFfmpeg thrown where the samples are compressed
 */
export async function* wavSource(read: ReadAt, maxSeconds: number, needsFfmpeg: NeedsFfmpeg): AudioSource {
  const parsed = parseWav(read)
  if (Result.isFailure(parsed)) {
    const { message, reason } = parsed.failure
    throw reason === "Compressed" ? needsFfmpeg : undecodable(message)
  }
  const layout = parsed.success
  const end = layout.dataBytes === undefined ? Infinity : layout.dataOffset + layout.dataBytes
  const most = layout.dataOffset + Math.floor(maxSeconds * layout.sampleRate) * layout.frameBytes
  if (most < end && read(most, layout.frameBytes).length === layout.frameBytes) throw tooLong(maxSeconds)
  const block = Math.max(1, Math.floor(blockBytes / layout.frameBytes)) * layout.frameBytes
  // Made once: a file of 25 MB is 400 blocks, and the garbage collector lets a thread keep 64 MB of dead arrays.
  const bytes = new Uint8Array(block)
  const samples = Array.from({ length: layout.channels }, () => new Float32Array(block / layout.frameBytes))
  for (let offset = layout.dataOffset; offset < end; offset += block) {
    const found = read(offset, Math.min(block, end - offset), bytes)
    if (found.length < layout.frameBytes) return
    yield { sampleRate: layout.sampleRate, channels: channelSamples(layout, found, samples), damaged: 0 }
  }
}
