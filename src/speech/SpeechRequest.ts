import type { AudioFormat } from "../audio/format/AudioFormat.ts"

/** What a client asks to hear, decoded but not yet normalised. */
export interface SpeechRequest {
  readonly text: string
  readonly model: string
  /** A voice id of the engine, or an alias such as `alloy`. */
  readonly voice: string
  /** How to say it; of use where it names an emotion that the voice has. */
  readonly instructions?: string | undefined
  readonly format: AudioFormat
  /** 0.25–4; 1 is the voice's own pace. */
  readonly speed: number
  /** BCP 47; absent: the voice's own. */
  readonly language?: string | undefined
  /** Whether markdown is read as a person would; absent: as the operator has set it. */
  readonly speakable?: "on" | "off" | undefined
  /** Hz; absent: what the format has by default. */
  readonly sampleRate?: number | undefined
  /** `use` the cache, `refresh` the entry (no-cache), or `bypass` it altogether (no-store). */
  readonly cacheControl: "use" | "refresh" | "bypass"
}
