import { createRequire } from "node:module"

/** The part of `sherpa-onnx-node` that is used here; it brings no types of its own. Everything in it is synchronous. */
interface SherpaOnnx {
  readonly OfflineRecognizer: new (config: {
    readonly modelConfig: {
      readonly moonshine: { readonly encoder: string; readonly mergedDecoder: string }
      readonly tokens: string
      readonly numThreads: number
    }
  }) => OfflineRecognizer
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

interface OfflineStream {
  readonly acceptWaveform: (wave: { readonly samples: Float32Array; readonly sampleRate: number }) => void
}

/** Speech to text for one stretch of audio at a time. */
export interface OfflineRecognizer {
  readonly createStream: () => OfflineStream
  readonly decode: (stream: OfflineStream) => void
  readonly getResult: (stream: OfflineStream) => { readonly text: string }
}

/** Finds speech in audio that is fed to it window by window. `start` counts samples from the first one fed. */
export interface Vad {
  readonly acceptWaveform: (samples: Float32Array) => void
  readonly isEmpty: () => boolean
  readonly front: (externalBuffer: boolean) => { readonly start: number; readonly samples: Float32Array }
  readonly pop: () => void
  readonly flush: () => void
}

/** CommonJS around a native addon: loading it, making what it offers and every method belong in a `nativeCall`. */
export const sherpaOnnx = () => createRequire(import.meta.url)("sherpa-onnx-node") as SherpaOnnx
