import { aac } from "./AacFormat.ts"
import { flac } from "./FlacFormat.ts"
import type { Format } from "./Format.ts"
import { mp3 } from "./Mp3Format.ts"
import { opus } from "./OpusFormat.ts"
import { pcm } from "./PcmFormat.ts"
import { wav } from "./WavFormat.ts"

/** What a speech can be encoded as, by OpenAI's names and in its order. The contract, errors and documents take their lists from here. */
export const formats = { mp3, opus, aac, flac, wav, pcm } satisfies { readonly [name: string]: Format }

export type FormatName = keyof typeof formats
