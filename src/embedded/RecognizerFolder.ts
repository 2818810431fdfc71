import { Effect } from "effect"
import { type ModelFolder, type ModelFolderError, openModelFolder } from "./ModelFolder.ts"
import type { RecognizerConfig } from "./SherpaOnnx.ts"

/**
 * A recognizer of sherpa-onnx that was found in a folder.
 *
 * @property kind as people know it
 * @property name of the folder
 * @property times whether its tokens come with their times
 */
export interface RecognizerModel {
  readonly kind: "NeMo transducer" | "Moonshine" | "Whisper" | "SenseVoice"
  readonly name: string
  readonly times: boolean
  readonly config: RecognizerConfig["modelConfig"]
}

type Part = Omit<RecognizerConfig["modelConfig"], "tokens" | "numThreads">

const onnx = /\.(onnx|ort)$/
const named = (...words: ReadonlyArray<string>) =>
  new RegExp(`(^|[-_.])(${words.join("|")})([-_.].*)?\\.(onnx|ort)$`, "i")

const [encoder, decoder, joiner] = [named("encoder"), named("decoder"), named("joiner")]

const transducerKeys = ["vocab_size", "subsampling_factor", "normalize_type", "pred_rnn_layers", "pred_hidden"]

const nemoTransducer = Effect.fnUntraced(function* (folder: ModelFolder) {
  const encoderFile = yield* folder.need(encoder, "encoder (encoder.int8.onnx or encoder.onnx)")
  yield* folder.metadata(encoderFile, transducerKeys)
  const parts = {
    encoder: encoderFile,
    decoder: yield* folder.need(decoder, "decoder (decoder.int8.onnx or decoder.onnx)"),
    joiner: yield* folder.need(joiner, "joiner (joiner.int8.onnx or joiner.onnx)"),
  }
  yield* folder.metadata(parts.decoder, [])
  yield* folder.metadata(parts.joiner, [])
  return { kind: "NeMo transducer", times: true, part: { transducer: parts, modelType: "nemo_transducer" } } as const
})

const cached = named("cached_decode")
const uncached = named("uncached_decode")
const merged = named("decoder_model_merged")

const moonshine = Effect.fnUntraced(function* (folder: ModelFolder) {
  const parts = folder.has(merged)
    ? {
        encoder: yield* folder.need(named("encoder_model"), "encoder (encoder_model.onnx)"),
        mergedDecoder: yield* folder.need(merged, "decoder (decoder_model_merged.onnx)"),
      }
    : {
        preprocessor: yield* folder.need(named("preprocess"), "preprocessor (preprocess.onnx)"),
        encoder: yield* folder.need(named("encode"), "encoder (encode.int8.onnx)"),
        uncachedDecoder: yield* folder.need(uncached, "decoder (uncached_decode.int8.onnx)"),
        cachedDecoder: yield* folder.need(
          /(^|[-.])cached_decode([-_.].*)?\.(onnx|ort)$/i,
          "decoder (cached_decode.int8.onnx)",
        ),
      }
  for (const file of Object.values(parts)) if (file.endsWith(".onnx")) yield* folder.metadata(file, [])
  return { kind: "Moonshine", times: false, part: { moonshine: parts } } as const
})

const whisperKeys = ["n_mels", "n_text_layer", "n_text_ctx", "n_text_state", "n_vocab", "sot", "eot", "sot_sequence"]

const whisper = Effect.fnUntraced(function* (folder: ModelFolder) {
  const parts = {
    encoder: yield* folder.need(encoder, "encoder (such as tiny-encoder.int8.onnx)"),
    decoder: yield* folder.need(decoder, "decoder (such as tiny-decoder.int8.onnx)"),
  }
  yield* folder.metadata(parts.encoder, whisperKeys)
  yield* folder.metadata(parts.decoder, [])
  return { kind: "Whisper", times: false, part: { whisper: { ...parts, task: "transcribe" } } } as const
})

const senseVoiceKeys = [
  "vocab_size",
  "lfr_window_size",
  "lfr_window_shift",
  "normalize_samples",
  "neg_mean",
  "inv_stddev",
]

const senseVoice = Effect.fnUntraced(function* (folder: ModelFolder) {
  const model = yield* folder.need(onnx, "model (model.int8.onnx or model.onnx)")
  yield* folder.metadata(model, senseVoiceKeys)
  return {
    kind: "SenseVoice",
    times: true,
    part: { senseVoice: { model, language: "auto", useInverseTextNormalization: 1 } },
  } as const
})

const kindIn = (folder: ModelFolder) => {
  if (folder.has(joiner)) return nemoTransducer(folder)
  if (folder.has(merged) || folder.has(cached) || folder.has(uncached)) return moonshine(folder)
  if (folder.has(encoder) && folder.has(decoder)) return whisper(folder)
  if (folder.has(encoder) || folder.has(decoder)) return nemoTransducer(folder)
  if (folder.has(onnx)) return senseVoice(folder)
  return folder.fail(
    "holds no model: put there what sherpa-onnx offers of a NeMo transducer (such as Parakeet TDT), of Moonshine, Whisper or SenseVoice.",
  )
}

/** The recognizer in `directory`, which `setting` names: told by its files, all of which are looked at. */
export const findRecognizer = Effect.fn("findRecognizer")(function* (
  setting: string,
  directory: string,
  numThreads: number,
): Effect.fn.Return<RecognizerModel, ModelFolderError> {
  const folder = yield* openModelFolder(setting, directory)
  const found: { readonly kind: RecognizerModel["kind"]; readonly times: boolean; readonly part: Part } =
    yield* kindIn(folder)
  const tokens = yield* folder.need(/(^|[-_.])tokens\.txt$/, "tokens.txt")
  return { kind: found.kind, name: folder.name, times: found.times, config: { ...found.part, tokens, numThreads } }
})
