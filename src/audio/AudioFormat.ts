import { Schema } from "effect"

/** What a speech can be encoded as, by OpenAI's names. */
export const AudioFormat = Schema.Literals(["mp3", "wav", "pcm"])
export type AudioFormat = typeof AudioFormat.Type
