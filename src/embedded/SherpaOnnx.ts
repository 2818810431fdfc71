import { createRequire } from "node:module"

/** The part of `sherpa-onnx-node` that is used here; it brings no types of its own. Everything in it is synchronous. */
interface SherpaOnnx {
  readonly OfflineRecognizer: new (config: RecognizerConfig) => OfflineRecognizer
  readonly OfflineTts: new (config: VoiceConfig) => OfflineTts
  readonly Vad: new (
    config: {
      readonly sileroVad: {
        readonly model: string
        readonly threshold: number
        /** Seconds, as are the two below. */
        readonly minSilenceDuration: number
        readonly minSpeechDuration: number
        readonly maxSpeechDuration: number
        /** Samples. */
        readonly windowSize: number
      }
      readonly sampleRate: number
      readonly numThreads: number
    },
    bufferSeconds: number,
  ) => Vad
}

/** One kind of model, by its files; each kind has a place of its own. */
export interface RecognizerConfig {
  readonly modelConfig: {
    readonly transducer?: { readonly encoder: string; readonly decoder: string; readonly joiner: string }
    readonly moonshine?: Readonly<Record<string, string>>
    readonly whisper?: { readonly encoder: string; readonly decoder: string; readonly task: string }
    readonly senseVoice?: {
      readonly model: string
      readonly language: string
      readonly useInverseTextNormalization: number
    }
    readonly modelType?: string
    readonly tokens: string
    readonly numThreads: number
  }
}

/** The same of voices. */
export interface VoiceConfig {
  readonly model: {
    readonly vits?: Readonly<Record<string, string>>
    readonly matcha?: Readonly<Record<string, string>>
    readonly kokoro?: Readonly<Record<string, string>>
    readonly kitten?: Readonly<Record<string, string>>
    readonly numThreads: number
  }
  readonly maxNumSentences: number
}

/** Text to speech, a text at a time. A text in which it finds nothing to say ends the process. */
export interface OfflineTts {
  readonly numSpeakers: number
  readonly sampleRate: number
  readonly generate: (request: { readonly text: string; readonly sid: number; readonly speed: number }) => {
    readonly samples: Float32Array
    readonly sampleRate: number
  }
}

interface OfflineStream {
  readonly acceptWaveform: (wave: { readonly samples: Float32Array; readonly sampleRate: number }) => void
}

/**
 * What was recognized in one stretch of audio. `timestamps` and `durations` are in seconds, one for each of `tokens`, where the model
 * knows them; a token that begins a word begins with a space.
 */
export interface Recognized {
  readonly text: string
  readonly tokens: ReadonlyArray<string>
  readonly timestamps: ReadonlyArray<number>
  readonly durations: ReadonlyArray<number>
  readonly lang: string
}

/** Speech to text for one stretch of audio at a time. */
export interface OfflineRecognizer {
  readonly createStream: () => OfflineStream
  readonly decode: (stream: OfflineStream) => void
  readonly getResult: (stream: OfflineStream) => Recognized
}

/** Finds speech in audio that is fed to it window by window. `start` counts samples from the first one fed. */
export interface Vad {
  readonly acceptWaveform: (samples: Float32Array) => void
  readonly isEmpty: () => boolean
  readonly front: (externalBuffer: boolean) => { readonly start: number; readonly samples: Float32Array }
  readonly pop: () => void
  readonly flush: () => void
  readonly reset: () => void
}

/** CommonJS around a native addon: loading it, making what it offers and every method belong in a `nativeCall`. */
export const sherpaOnnx = () => createRequire(import.meta.url)("sherpa-onnx-node") as SherpaOnnx
