import { Effect } from "effect"
import { readdir, stat } from "node:fs/promises"
import { basename, join } from "node:path"
import { type ModelFolder, type ModelFolderError, openModelFolder } from "./ModelFolder.ts"
import type { VoiceConfig } from "./SherpaOnnx.ts"

/**
 * A voice of sherpa-onnx that was found in a folder.
 *
 * @property kind as people know it
 * @property name of the folder
 * @property voices the names of its speakers, in the order of their numbers; one at least
 */
export interface VoiceModel {
  readonly kind: "Kokoro" | "Kitten" | "Matcha" | "VITS"
  readonly name: string
  readonly voices: ReadonlyArray<string>
  readonly config: VoiceConfig
}

type Metadata = ReadonlyMap<string, string>

const anyModel = /\.onnx$/
const vocoder = /(vocos|hifigan|vocoder).*\.onnx$/i
const acoustic = /^(?!.*(vocos|hifigan|vocoder)).*\.onnx$/i
const voicesFile = /^voices\.bin$/
const lexicons = /^lexicon.*\.txt$/

/** Files of eSpeak NG, without which it ends the process. */
const espeakFiles = ["phontab", "phonindex", "phondata", "intonations"]

const espeakData = Effect.fnUntraced(function* (folder: ModelFolder) {
  const path = yield* folder.need(/^espeak-ng-data$/, "folder espeak-ng-data, which comes with the model")
  const names = yield* Effect.promise(() => readdir(path).catch((): ReadonlyArray<string> => []))
  const missing = espeakFiles.filter((name) => !names.includes(name))
  return missing.length === 0 ? path : yield* folder.fail(`holds an espeak-ng-data without ${missing.join(", ")}.`)
})

const lexiconIn = Effect.fnUntraced(function* (folder: ModelFolder) {
  yield* folder.need(lexicons, "lexicon.txt")
  const names = yield* Effect.promise(() => readdir(folder.path))
  return names
    .filter((name) => lexicons.test(name))
    .toSorted()
    .map((name) => join(folder.path, name))
    .join(",")
})

/** What a model reads text with: eSpeak NG where the folder has it, else its lexicon. */
const reading = Effect.fnUntraced(function* (folder: ModelFolder, needsEspeak: boolean) {
  const lexicon = folder.has(lexicons) ? { lexicon: yield* lexiconIn(folder) } : {}
  if (!needsEspeak && !folder.has(/^espeak-ng-data$/)) return lexicon
  return { ...lexicon, dataDir: yield* espeakData(folder) }
})

/** Fails unless `voices.bin` holds what the model says of it. */
const checkVoices = Effect.fnUntraced(function* (folder: ModelFolder, path: string, metadata: Metadata) {
  const style = (metadata.get("style_dim") ?? "").split(",").reduce((product, dim) => product * Number(dim), 1)
  const wanted = style * Number(metadata.get("n_speakers")) * Float32Array.BYTES_PER_ELEMENT
  const { size } = yield* Effect.promise(() => stat(path))
  if (size !== wanted)
    return yield* folder.fail(
      `holds a voices.bin of ${size} bytes, not the ${wanted} of this model: they belong together.`,
    )
})

const kokoroKeys = ["sample_rate", "n_speakers", "has_espeak", "style_dim"]

const withStyles = Effect.fnUntraced(function* (folder: ModelFolder, tokens: string) {
  const model = yield* folder.need(anyModel, "model (model.onnx)")
  const metadata = yield* folder.metadata(model, kokoroKeys)
  const voices = yield* folder.need(voicesFile, "voices.bin")
  yield* checkVoices(folder, voices, metadata)
  const files = { model, voices, tokens, ...(yield* reading(folder, true)) }
  return metadata.get("model_type") === "kitten-tts"
    ? ({ kind: "Kitten", model, metadata, part: { kitten: files } } as const)
    : ({ kind: "Kokoro", model, metadata, part: { kokoro: files } } as const)
})

const matcha = Effect.fnUntraced(function* (folder: ModelFolder, tokens: string) {
  const acousticModel = yield* folder.need(acoustic, "acoustic model (such as model-steps-3.onnx)")
  const metadata = yield* folder.metadata(acousticModel, ["sample_rate", "n_speakers"])
  const sounds = yield* folder.need(vocoder, "vocoder (such as vocos-22khz-univ.onnx)")
  yield* folder.metadata(sounds, [])
  const read = yield* reading(folder, metadata.get("has_espeak") === "1")
  const files = { acousticModel, vocoder: sounds, tokens, ...read }
  return { kind: "Matcha", model: acousticModel, metadata, part: { matcha: files } } as const
})

const vits = Effect.fnUntraced(function* (folder: ModelFolder, tokens: string) {
  const model = yield* folder.need(anyModel, "model (such as en_US-amy-low.onnx)")
  const metadata = yield* folder.metadata(model, ["sample_rate", "n_speakers", "language", "comment"])
  const needsEspeak = /piper|coqui/.test(metadata.get("comment") ?? "") && !folder.has(lexicons)
  if (!needsEspeak && metadata.get("frontend") !== "characters") yield* folder.need(lexicons, "lexicon.txt")
  const files = { model, tokens, ...(yield* reading(folder, needsEspeak)) }
  return { kind: "VITS", model, metadata, part: { vits: files } } as const
})

/** A model that says it is a Matcha, or that has a vocoder beside it. */
const isMatcha = (folder: ModelFolder) => {
  const model = folder.file(acoustic)
  if (folder.has(vocoder) || model === undefined) return Effect.succeed(folder.has(vocoder))
  return Effect.map(folder.metadata(model, []), (metadata) => /matcha/i.test(metadata.get("model_type") ?? ""))
}

const kindIn = Effect.fnUntraced(function* (folder: ModelFolder) {
  if (!folder.has(anyModel))
    return yield* folder.fail(
      "holds no model: put there what sherpa-onnx offers of a Kokoro, Piper or other VITS, Kitten or Matcha voice.",
    )
  const tokens = yield* folder.need(/(^|[-_.])tokens\.txt$/, "tokens.txt")
  if (folder.has(voicesFile)) return yield* withStyles(folder, tokens)
  return (yield* isMatcha(folder)) ? yield* matcha(folder, tokens) : yield* vits(folder, tokens)
})

/** Names of the speakers; by number where the model does not name them. */
const namesOf = (folder: ModelFolder, model: string, metadata: Metadata): ReadonlyArray<string> => {
  const count = Math.max(1, Number(metadata.get("n_speakers")) || 0)
  const named = (metadata.get("speaker_names") ?? "").split(",").flatMap((name) => name.trim() || [])
  if (named.length >= count) return named.slice(0, count)
  const file = basename(model, ".onnx")
  const base = /^model\b/.test(file) ? folder.name : file
  return count === 1 ? [base] : Array.from({ length: count }, (_, i) => `${base}-${i}`)
}

/** The voice in `directory`, which `setting` names: told by its files, all of which are looked at. */
export const findVoice = Effect.fn("findVoice")(function* (
  setting: string,
  directory: string,
  numThreads: number,
): Effect.fn.Return<VoiceModel, ModelFolderError> {
  const folder = yield* openModelFolder(setting, directory)
  const { kind, metadata, model, part } = yield* kindIn(folder)
  return {
    kind,
    name: folder.name,
    voices: namesOf(folder, model, metadata),
    config: { model: { ...part, numThreads }, maxNumSentences: 1 },
  }
})
