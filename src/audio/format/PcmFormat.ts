import { type Codec, type Format, littleEndian, noBytes } from "./Format.ts"

const codec: Codec = { encode: littleEndian, flush: () => noBytes }

/** Headerless signed 16-bit little-endian mono. Players cannot know its rate, so it is the default unless they asked. */
export const pcm: Format = {
  contentType: "audio/pcm",
  keepsEngineRate: false,
  makeCodec: async () => codec,
  makeCheapCodec: () => codec,
}
