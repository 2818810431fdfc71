/** Length of the header that `wavHeader` writes, in bytes. SillyTavern drops this many without looking. */
export const wavHeaderBytes = 44

/** A RIFF size that says "until the end". 0 would say the same, but CPython's `wave` refuses it (and HA plays the header). */
const unknownSize = 0xffff_ffff

/**
 * A canonical 44-byte header of PCM: signed 16-bit and mono, unless said otherwise. 8 bits are unsigned.
 *
 * @param sampleRate Hz
 * @param dataBytes length of the samples that follow, in bytes; absent: a stream whose end nobody knows yet
 * @param sample how many channels there are, and how many bytes a sample of one has
 */
export const wavHeader = (
  sampleRate: number,
  dataBytes?: number,
  { bytes: width, channels }: { readonly bytes: number; readonly channels: number } = { bytes: 2, channels: 1 },
): Uint8Array => {
  const bytes = new Uint8Array(wavHeaderBytes)
  const view = new DataView(bytes.buffer)
  const known = dataBytes !== undefined && dataBytes <= unknownSize - 36
  const tag = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at)
  tag(0, "RIFF")
  view.setUint32(4, known ? dataBytes + 36 : unknownSize, true)
  tag(8, "WAVEfmt ")
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, channels, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, sampleRate * channels * width, true)
  view.setUint16(32, channels * width, true)
  view.setUint16(34, width * 8, true)
  tag(36, "data")
  view.setUint32(40, known ? dataBytes : unknownSize, true)
  return bytes
}
