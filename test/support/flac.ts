/** Bits of a CRC without reflection and with an initial value of 0, as FLAC has them. */
const crc = (bytes: Uint8Array, bits: 8 | 16, polynomial: number): number => {
  let value = 0
  for (const byte of bytes) {
    value ^= byte << (bits - 8)
    for (let bit = 0; bit < 8; bit++) {
      value =
        value & (1 << (bits - 1)) ? ((value << 1) ^ polynomial) & ((1 << bits) - 1) : (value << 1) & ((1 << bits) - 1)
    }
  }
  return value
}

/** The frame's number as UTF-8 would write it. */
const coded = (number: number): Array<number> =>
  number < 0x80
    ? [number]
    : number < 0x800
      ? [0xc0 | (number >> 6), 0x80 | (number & 63)]
      : [0xe0 | (number >> 12), 0x80 | ((number >> 6) & 63), 0x80 | (number & 63)]

/** A frame of 65,535 samples that are all the same, in fifteen bytes or little more. */
export const flacFrame = (number: number, rate: number, channels = 1): Uint8Array => {
  const tens = rate > 65_535
  const said = tens ? Math.round(rate / 10) : rate
  const head = [0xff, 0xf8, 0x70 | (tens ? 0x0e : 0x0d), ((channels - 1) << 4) | 0x08, ...coded(number)]
  head.push(0xff, 0xfe, said >> 8, said & 0xff)
  head.push(crc(Uint8Array.from(head), 8, 0x07))
  for (let channel = 0; channel < channels; channel++) head.push(0x00, 0x01, 0x00)
  const sum = crc(Uint8Array.from(head), 16, 0x8005)
  return Uint8Array.from([...head, sum >> 8, sum & 0xff])
}

/** A FLAC file of `frames`; what its STREAMINFO says nobody reads. */
export const flacOf = (frames: ReadonlyArray<Uint8Array>): Uint8Array => {
  const info = new Uint8Array(34)
  info.set([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0x0a, 0xc4, 0x40, 0xf0])
  return new Uint8Array(Buffer.concat([Buffer.from("fLaC"), Buffer.from([0x80, 0, 0, 34]), info, ...frames]))
}
