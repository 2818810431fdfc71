import { makeResampler } from "../Resampler.ts"
import { makeStretch } from "../Stretch.ts"
import { type Codec, joined } from "./Format.ts"
import { type FormatName, formats } from "./Formats.ts"

/**
 * @property sampleRate Hz of the encoded audio, one of the format's own: see `encodedSampleRate`
 * @property inputSampleRate Hz of the samples handed over; absent: the same
 * @property speed how much quicker than it comes the speech leaves, 0.25–4; absent: as it comes
 */
export interface EncoderOptions {
  readonly format: FormatName
  readonly sampleRate: number
  readonly inputSampleRate?: number | undefined
  readonly speed?: number | undefined
}

/** An encoder for one stream, of samples at a rate and a pace of their own. It works where it is called: see `Encoders`. */
export const makeEncoder = async ({
  format,
  sampleRate,
  inputSampleRate = sampleRate,
  speed = 1,
}: EncoderOptions): Promise<Codec> => {
  const codec = await formats[format].makeCodec(sampleRate)
  const stretch = await makeStretch(inputSampleRate, speed)
  const resampler = makeResampler(inputSampleRate, sampleRate)
  return {
    ...codec,
    encode: (samples) => codec.encode(resampler.process(stretch.process(samples))),
    flush: () =>
      joined([codec.encode(resampler.process(stretch.flush())), codec.encode(resampler.flush()), codec.flush()]),
    close: () => {
      stretch.close()
      codec.close?.()
    },
  }
}
