import { OpusDecoder } from "opus-decoder"
import { checkDeclared } from "../InputLimits.ts"
import { recordingSampleRate } from "../Recording.ts"
import type { AudioSource } from "./AudioSource.ts"
import type { OpusPacket } from "./OpusPacket.ts"

/** Packets decoded before the thread looks for an interruption; 20 ms of audio each, as a rule. */
const packetsPerPiece = 50

/** RFC 7845, 5.1. Where the header is cut off or missing, one channel and no mapping. */
const opusHead = (bytes: Uint8Array) => {
  const channels = bytes[9] ?? 1
  const mapped = (bytes[18] ?? 0) !== 0 && bytes.length >= 21 + channels
  return {
    channels,
    /** Samples at 48 kHz that only warm the decoder up. */
    preSkip: (bytes[10] ?? 0) | ((bytes[11] ?? 0) << 8),
    mapping: mapped
      ? {
          streamCount: bytes[19]!,
          coupledStreamCount: bytes[20]!,
          channelMappingTable: [...bytes.subarray(21, 21 + channels)],
        }
      : {},
  }
}

/** Of 48 kHz, up rather than down: no second begins that the file does not have. */
const samplesOf = (at48kHz: number): number => Math.ceil((at48kHz * recordingSampleRate) / 48_000)

/**
 * Opus, decoded straight to 16 kHz.
 *
 * @param packets the `OpusHead`, then the audio
 */
export async function* opusSource(packets: Iterable<OpusPacket>): AudioSource {
  let decoder: OpusDecoder<typeof recordingSampleRate> | undefined
  let skip = 0
  let waiting: Array<Uint8Array> = []
  const piece = (into: OpusDecoder<typeof recordingSampleRate>, discard = 0) => {
    const audio = into.decodeFrames(waiting)
    waiting = []
    const length = Math.max(0, audio.samplesDecoded - samplesOf(discard))
    const skipped = Math.min(skip, length)
    skip -= skipped
    const channels = audio.channelData.map((channel) => channel.subarray(skipped, length))
    return { sampleRate: recordingSampleRate, channels, damaged: audio.errors.length }
  }
  try {
    for (const { bytes, discard } of packets) {
      if (decoder === undefined) {
        const { channels, preSkip, mapping } = opusHead(bytes)
        checkDeclared({ channels, sampleRate: recordingSampleRate })
        skip = samplesOf(preSkip)
        decoder = new OpusDecoder({ sampleRate: recordingSampleRate, channels, ...mapping })
        await decoder.ready
        continue
      }
      waiting.push(bytes)
      if (waiting.length === packetsPerPiece || discard > 0) yield piece(decoder, discard)
    }
    if (decoder !== undefined) yield piece(decoder)
  } finally {
    decoder?.free()
  }
}
