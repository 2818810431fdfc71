import type { WavLayout } from "./Wav.ts"

/** ITU-T G.711, as 16-bit samples. */
const mulaw = (byte: number): number => {
  const code = ~byte & 0xff
  const magnitude = (((code & 0x0f) << 3) + 0x84) << ((code & 0x70) >> 4)
  return code & 0x80 ? 0x84 - magnitude : magnitude - 0x84
}

const alaw = (byte: number): number => {
  const code = byte ^ 0x55
  const exponent = (code & 0x70) >> 4
  const mantissa = (code & 0x0f) << 4
  const magnitude = exponent === 0 ? mantissa + 8 : (mantissa + 0x108) << (exponent - 1)
  return code & 0x80 ? magnitude : -magnitude
}

/** A reader of one sample at a byte offset, on the scale of 16-bit samples. */
const sampleReader = (layout: WavLayout, view: DataView): ((at: number) => number) => {
  switch (layout.encoding) {
    case "mulaw":
      return (at) => mulaw(view.getUint8(at))
    case "alaw":
      return (at) => alaw(view.getUint8(at))
    case "float":
      return layout.bits === 32
        ? (at) => view.getFloat32(at, true) * 32_768
        : (at) => view.getFloat64(at, true) * 32_768
    case "integer":
      if (layout.bits === 8) return (at) => (view.getUint8(at) - 128) * 256
      if (layout.bits === 16) return (at) => view.getInt16(at, true)
      if (layout.bits === 24) return (at) => view.getInt16(at + 1, true) + view.getUint8(at) / 256
      return (at) => view.getInt32(at, true) / 65_536
  }
}

/** `value` on the scale of 16-bit samples, as one. What is no number is silence. */
export const toInt16 = (value: number): number => {
  const rounded = Math.round(value)
  if (rounded > 32_767) return 32_767
  if (rounded < -32_768) return -32_768
  return rounded === rounded ? rounded : 0
}

/** The mean of all channels of the whole frames in `bytes`; a frame that is cut off is left out. */
export const monoSamples = (layout: WavLayout, bytes: Uint8Array): Int16Array => {
  const read = sampleReader(layout, new DataView(bytes.buffer, bytes.byteOffset, bytes.length))
  const sampleBytes = layout.bits / 8
  const samples = new Int16Array(Math.floor(bytes.length / layout.frameBytes))
  for (let frame = 0; frame < samples.length; frame++) {
    let sum = 0
    for (let channel = 0; channel < layout.channels; channel++) {
      sum += read(frame * layout.frameBytes + channel * sampleBytes)
    }
    samples[frame] = toInt16(sum / layout.channels)
  }
  return samples
}
