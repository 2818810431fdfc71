/** A WAV header of raw PCM in whatever width and number of channels a satellite has. 8 bits are unsigned there, too. */
export const pcmHeader = (
  { bytes, channels, sampleRate }: { readonly sampleRate: number; readonly bytes: number; readonly channels: number },
  dataBytes: number,
): Uint8Array => {
  const header = Buffer.alloc(44)
  header.write("RIFF", 0, "latin1")
  header.writeUInt32LE((dataBytes + 36) >>> 0, 4)
  header.write("WAVEfmt ", 8, "latin1")
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(channels & 0xffff, 22)
  header.writeUInt32LE(sampleRate >>> 0, 24)
  header.writeUInt32LE((sampleRate * bytes * channels) >>> 0, 28)
  header.writeUInt16LE((bytes * channels) & 0xffff, 32)
  header.writeUInt16LE((bytes * 8) & 0xffff, 34)
  header.write("data", 36, "latin1")
  header.writeUInt32LE(dataBytes >>> 0, 40)
  return header
}
