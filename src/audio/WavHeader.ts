/** Length of the header that `wavHeader` writes, in bytes. SillyTavern drops this many without looking. */
export const wavHeaderBytes = 44

/** A RIFF size that says "until the end". 0 would say the same, but CPython's `wave` refuses it (and HA plays the header). */
const unknownSize = 0xffff_ffff

/**
 * A canonical 44-byte header of mono signed 16-bit PCM.
 *
 * @param sampleRate Hz
 * @param dataBytes length of the samples that follow, in bytes; absent: a stream whose end nobody knows yet
 */
export const wavHeader = (sampleRate: number, dataBytes?: number): Uint8Array => {
  const bytes = new Uint8Array(wavHeaderBytes)
  const view = new DataView(bytes.buffer)
  const known = dataBytes !== undefined && dataBytes <= unknownSize - 36
  const tag = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at)
  tag(0, "RIFF")
  view.setUint32(4, known ? dataBytes + 36 : unknownSize, true)
  tag(8, "WAVEfmt ")
  view.setUint32(16, 16, true)
  view.setUint16(20, 1, true)
  view.setUint16(22, 1, true)
  view.setUint32(24, sampleRate, true)
  view.setUint32(28, sampleRate * 2, true)
  view.setUint16(32, 2, true)
  view.setUint16(34, 16, true)
  tag(36, "data")
  view.setUint32(40, known ? dataBytes : unknownSize, true)
  return bytes
}
