/**
 * A packet of an Opus stream.
 *
 * @property discard samples at 48 kHz that are cut off the end of what it holds: an encoder fills its last packet up
 */
export interface OpusPacket {
  readonly bytes: Uint8Array
  readonly discard: number
}

/** Samples at 48 kHz of one frame, by the configuration (RFC 6716, 3.1): SILK, hybrid, CELT. */
const frameSamples = (config: number): number =>
  config < 12 ? [480, 960, 1_920, 2_880][config % 4]! : config < 16 ? [480, 960][config % 2]! : 120 << (config % 4)

/** Samples at 48 kHz that a packet says it has. */
export const opusSamples = (packet: Uint8Array): number => {
  const [toc = 0, count = 0] = packet
  if (packet.length === 0) return 0
  const frames = (toc & 3) === 0 ? 1 : (toc & 3) === 3 ? count & 63 : 2
  return frames * frameSamples(toc >> 3)
}
