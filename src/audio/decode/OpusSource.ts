import { EncodedPacketSink, FilePathSource, Input, MATROSKA, OGG, WEBM } from "mediabunny"
import { OpusDecoder } from "opus-decoder"
import { undecodable } from "../DecodeError.ts"
import { recordingSampleRate } from "../Recording.ts"
import { type AudioSource, mixDown } from "./AudioSource.ts"
import { NeedsFfmpeg } from "./NeedsFfmpeg.ts"

/** Packets decoded before the thread looks for an interruption; 20 ms of audio each, as a rule. */
const packetsPerPiece = 50

/** RFC 7845, 5.1. Without a header the stream is what browsers record: one or two channels, no mapping. */
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

const bytesOf = (source: ArrayBufferView | ArrayBufferLike | undefined): Uint8Array => {
  if (source === undefined) return new Uint8Array(0)
  return ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source)
}

/** Opus in Ogg, WebM or Matroska, decoded straight to 16 kHz. Another codec in there throws `NeedsFfmpeg`. */
export async function* opusSource(path: string): AudioSource {
  // Errors of reads ahead show up again in the read that wants the bytes; unhandled they would end the thread.
  const source = new FilePathSource(path, { maxCacheSize: 1_048_576, handleUnhandledError: () => {} })
  const input = new Input({ formats: [OGG, WEBM, MATROSKA], source })
  try {
    const track = await input.getPrimaryAudioTrack()
    if (track === null) throw undecodable("The file has no audio track.")
    if ((await track.getCodec()) !== "opus") throw new NeedsFfmpeg({ demuxer: "matroska" })
    const config = await track.getDecoderConfig()
    const head = opusHead(bytesOf(config?.description))
    const decoder = new OpusDecoder({ sampleRate: recordingSampleRate, channels: head.channels, ...head.mapping })
    await decoder.ready
    try {
      let skip = Math.round((head.preSkip * recordingSampleRate) / 48_000)
      let packets: Array<Uint8Array> = []
      const piece = () => {
        const audio = decoder.decodeFrames(packets)
        packets = []
        const samples = mixDown(audio.channelData, audio.samplesDecoded)
        const kept = samples.subarray(Math.min(skip, samples.length))
        skip -= samples.length - kept.length
        return { sampleRate: recordingSampleRate, samples: kept, damaged: audio.errors.length }
      }
      let cut = 0
      try {
        for await (const packet of new EncodedPacketSink(track).packets()) {
          packets.push(packet.data)
          if (packets.length === packetsPerPiece) yield piece()
        }
      } catch {
        // The demuxer throws at a page that is cut off; what came before it is good.
        cut = 1
      }
      const last = piece()
      yield { ...last, damaged: last.damaged + cut }
    } finally {
      decoder.free()
    }
  } finally {
    input.dispose()
  }
}
