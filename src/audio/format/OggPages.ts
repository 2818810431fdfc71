/** Polynomial 0x04c11db7, not reflected, from 0: RFC 3533, 6. */
const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c1_1db7 : value << 1
  return value
})

const checksum = (bytes: Uint8Array): number => {
  let crc = 0
  for (const byte of bytes) crc = (crc << 8) ^ crcTable[((crc >>> 24) ^ byte) & 0xff]!
  return crc >>> 0
}

const headerBytes = 27

/** Of one stream. It tells streams in one file apart, of which there is one; chance would give other bytes each time. */
const serial = 0x4156_4941

/** Writes the pages of one Ogg stream, whole packets only. RFC 3533. */
export const makeOggPages = () => {
  let sequence = 0
  /**
   * @param packets of at most 255 segments of 255 bytes together
   * @param granule where the stream is once the page is played
   */
  return (packets: ReadonlyArray<Uint8Array>, granule: number, last = false): Uint8Array => {
    const lacing = packets.flatMap(({ length }) => [...Array<number>(Math.floor(length / 255)).fill(255), length % 255])
    const body = packets.reduce((sum, { length }) => sum + length, 0)
    const page = new Uint8Array(headerBytes + lacing.length + body)
    const view = new DataView(page.buffer)
    page.set([0x4f, 0x67, 0x67, 0x53, 0, (sequence === 0 ? 2 : 0) | (last ? 4 : 0)])
    view.setBigUint64(6, BigInt(granule), true)
    view.setUint32(14, serial, true)
    view.setUint32(18, sequence, true)
    page[26] = lacing.length
    page.set(lacing, headerBytes)
    let at = headerBytes + lacing.length
    for (const packet of packets) {
      page.set(packet, at)
      at += packet.length
    }
    view.setUint32(22, checksum(page), true)
    sequence += 1
    return page
  }
}
