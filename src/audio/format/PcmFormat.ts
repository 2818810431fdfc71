import { type Format, littleEndian, noBytes } from "./Format.ts"

/** Headerless signed 16-bit little-endian mono. Players cannot know its rate, so it is the default unless they asked. */
export const pcm: Format = {
  contentType: "audio/pcm",
  keepsEngineRate: false,
  makeCodec: async () => ({ encode: littleEndian, flush: () => noBytes }),
}
