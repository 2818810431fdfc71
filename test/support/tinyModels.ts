/**
 * Models for sherpa-onnx that say and hear the same whatever they are given, with the files and the metadata that its real ones have:
 * enough to try how a model is found, loaded and read. How well one hears they cannot show.
 */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Constant, onnx, type Step, type Value } from "./onnx.ts"

/** An entry that is undefined is left out. */
type Metadata = Readonly<Record<string, string | number | undefined>>

const identity = (from: string, to: string) => ({ op: "Identity", inputs: [from], outputs: [to] })

const write = (directory: string, files: Readonly<Record<string, string | Uint8Array>>) => {
  mkdirSync(directory, { recursive: true })
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  return directory
}

const floats = (name: string, shape: ReadonlyArray<number>, values: ReadonlyArray<number>): Constant => ({
  name,
  type: "float",
  shape,
  values,
})

/** A row of `length` zeros but for ones at `at`. */
const hot = (length: number, ...at: ReadonlyArray<number>) => Array.from({ length }, (_, i) => (at.includes(i) ? 9 : 0))

/** What the tiny NeMo transducer hears, a token every 160 ms from the start. */
const nemoPieces = ["▁the", "▁bird", "s", "▁sing", "."]

/**
 * A token-and-duration transducer as NVIDIA's Parakeet TDT is exported: encoder, decoder, joiner. Its decoder knows from each token which
 * one comes next, and that it takes two frames of 80 ms.
 */
export const nemoTransducer = (directory: string, metadata: Metadata = {}) => {
  const blank = nemoPieces.length
  const [outputs, durations] = [blank + 1, 5]
  const next = [...nemoPieces.map((_, i) => i + 1), 0]
  const table = next.flatMap((token) => [...hot(outputs, token), ...hot(durations, 2)])
  const states: ReadonlyArray<Value> = [
    { name: "h", type: "float", shape: [1, "B", 4] },
    { name: "c", type: "float", shape: [1, "B", 4] },
  ]
  const width = outputs + durations
  return write(directory, {
    "encoder.int8.onnx": onnx({
      metadata: {
        vocab_size: blank,
        normalize_type: "per_feature",
        pred_rnn_layers: 1,
        pred_hidden: 4,
        subsampling_factor: 8,
        model_type: "EncDecRNNTBPEModel",
        version: 2,
        url: "https://huggingface.co/nvidia/parakeet-tdt-0.6b-v2",
        comment: "Only the transducer branch is exported",
        feat_dim: 80,
        ...metadata,
      },
      inputs: [
        { name: "audio_signal", type: "float", shape: ["B", 80, "T"] },
        { name: "length", type: "int64", shape: ["B"] },
      ],
      outputs: [
        { name: "outputs", type: "float", shape: ["B", 80, "T"] },
        { name: "encoded_lengths", type: "int64", shape: ["B"] },
      ],
      constants: [{ name: "eight", type: "int64", shape: [1], values: [8] }],
      steps: [
        identity("audio_signal", "outputs"),
        { op: "Div", inputs: ["length", "eight"], outputs: ["encoded_lengths"] },
      ],
    }),
    "decoder.int8.onnx": onnx({
      inputs: [
        { name: "targets", type: "int32", shape: ["B", "U"] },
        { name: "target_length", type: "int32", shape: ["B"] },
        ...states.map((state) => ({ ...state, name: `${state.name}_in` })),
      ],
      outputs: [
        { name: "outputs", type: "float", shape: ["B", "U", width] },
        { name: "prednet_lengths", type: "int32", shape: ["B"] },
        ...states.map((state) => ({ ...state, name: `${state.name}_out` })),
      ],
      constants: [floats("table", [next.length, width], table)],
      steps: [
        { op: "Gather", inputs: ["table", "targets"], outputs: ["outputs"] },
        identity("target_length", "prednet_lengths"),
        identity("h_in", "h_out"),
        identity("c_in", "c_out"),
      ],
    }),
    "joiner.int8.onnx": onnx({
      inputs: [
        { name: "encoder_outputs", type: "float", shape: ["B", 80, "T"] },
        { name: "decoder_outputs", type: "float", shape: ["B", "U", width] },
      ],
      outputs: [{ name: "outputs", type: "float", shape: ["B", "T", "U", width] }],
      constants: [{ name: "one", type: "int64", shape: [1], values: [1] }],
      steps: [{ op: "Unsqueeze", inputs: ["decoder_outputs", "one"], outputs: ["outputs"] }],
    }),
    "tokens.txt": [...nemoPieces, "<blk>"].map((piece, id) => `${piece} ${id}\n`).join(""),
  })
}

/** What the tiny SenseVoice hears after its four tags of language, emotion, event and text form, one token every 60 ms. */
const senseVoicePieces = ["<|en|>", "<|NEUTRAL|>", "<|Speech|>", "<|withitn|>", "▁two", "▁bird", "s"]

/** A SenseVoice: one file, whose logits begin with its four tags. */
export const senseVoice = (directory: string, metadata: Metadata = {}) => {
  const pieces = ["<blank>", ...senseVoicePieces]
  const frames = 400
  const rows = Array.from({ length: frames }, (_, i) => (i < senseVoicePieces.length ? i + 1 : 0))
  const zeros = (length: number) => Array.from({ length }, () => 0).join(",")
  return write(directory, {
    "model.int8.onnx": onnx({
      metadata: {
        comment: "iic/SenseVoiceSmall",
        model_type: "sense_voice_ctc",
        vocab_size: pieces.length,
        lfr_window_size: 7,
        lfr_window_shift: 6,
        normalize_samples: 0,
        with_itn: 14,
        without_itn: 15,
        lang_auto: 0,
        lang_zh: 3,
        lang_en: 4,
        lang_ja: 11,
        lang_ko: 12,
        lang_yue: 7,
        neg_mean: zeros(560),
        inv_stddev: zeros(560),
        ...metadata,
      },
      inputs: [
        { name: "x", type: "float", shape: ["N", "T", 560] },
        { name: "x_length", type: "int32", shape: ["N"] },
        { name: "language", type: "int32", shape: ["N"] },
        { name: "text_norm", type: "int32", shape: ["N"] },
      ],
      outputs: [{ name: "logits", type: "float", shape: ["N", "T", pieces.length] }],
      constants: [
        floats(
          "rows",
          [1, frames, pieces.length],
          rows.flatMap((token) => hot(pieces.length, token)),
        ),
      ],
      steps: [identity("rows", "logits")],
    }),
    "tokens.txt": pieces.map((piece, id) => `${piece} ${id}\n`).join(""),
  })
}

/** Samples that the tiny voices give each token: 100 ms. */
export const tinySamplesPerToken = 2_205

/** What makes samples of token ids `x` [1, L]: each as loud as its id says. */
const sounding: { readonly constants: ReadonlyArray<Constant>; readonly steps: ReadonlyArray<Step> } = {
  constants: [
    floats("gain", [1], [0.02]),
    { name: "two", type: "int64", shape: [1], values: [2] },
    { name: "times", type: "int64", shape: [3], values: [1, 1, tinySamplesPerToken] },
    { name: "flat", type: "int64", shape: [3], values: [1, 1, -1] },
  ],
  steps: [
    { op: "Cast", inputs: ["x"], outputs: ["loud"], attributes: { to: 1 } },
    { op: "Mul", inputs: ["loud", "gain"], outputs: ["soft"] },
    { op: "Unsqueeze", inputs: ["soft", "two"], outputs: ["deep"] },
    { op: "Tile", inputs: ["deep", "times"], outputs: ["long"] },
    { op: "Reshape", inputs: ["long", "flat"], outputs: ["y"] },
  ],
}

const scale = (name: string): Value => ({ name, type: "float", shape: [1] })

/** A VITS voice that reads words from a lexicon; `speakers` 0 for one. */
export const vits = (
  directory: string,
  {
    file = "model.onnx",
    speakers = 0,
    metadata = {},
  }: { readonly file?: string; readonly speakers?: number; readonly metadata?: Metadata } = {},
) =>
  write(directory, {
    [file]: onnx({
      metadata: {
        model_type: "vits",
        comment: "tiny",
        language: "English",
        add_blank: 0,
        n_speakers: speakers,
        sample_rate: 22_050,
        punctuation: ", . ! ?",
        ...metadata,
      },
      inputs: [
        { name: "x", type: "int64", shape: ["N", "L"] },
        { name: "x_length", type: "int64", shape: ["N"] },
        scale("noise_scale"),
        scale("length_scale"),
        scale("noise_scale_w"),
        ...(speakers === 0 ? [] : [{ name: "sid", type: "int64", shape: [1] } as const]),
      ],
      outputs: [{ name: "y", type: "float", shape: ["N", 1, "S"] }],
      ...sounding,
    }),
    "tokens.txt": "_ 0\n  8\n, 1\n. 2\n! 3\n? 4\nB 5\nER 6\nD 7\n",
    "lexicon.txt": "bird B ER D\nbirds B ER D\n",
  })

/** A Whisper of English: its decoder knows from each token which one comes next. It hears `a bird`. */
export const whisper = (directory: string, metadata: Metadata = {}) => {
  const pieces = [" a", " bird", "<eot>", "<sot>", "<translate>", "<transcribe>", "<nospeech>", "<notimestamps>"]
  const [eot, sot, noTimestamps] = [2, 3, 7]
  const next = [1, eot, eot, noTimestamps, eot, noTimestamps, eot, 0]
  const kept = (name: string): Value => ({ name, type: "float", shape: [1, "N", 8, 4] })
  const crossed = (name: string): Value => ({ name, type: "float", shape: [1, "N", 2, 4] })
  return write(directory, {
    "tiny.en-encoder.int8.onnx": onnx({
      metadata: {
        model_type: "whisper-tiny.en",
        version: 1,
        n_mels: 80,
        n_text_layer: 1,
        n_text_ctx: 8,
        n_text_state: 4,
        n_vocab: pieces.length,
        sot,
        eot,
        blank_id: 0,
        translate: 4,
        transcribe: 5,
        no_speech: 6,
        no_timestamps: noTimestamps,
        is_multilingual: 0,
        sot_sequence: String(sot),
        ...metadata,
      },
      inputs: [{ name: "mel", type: "float", shape: ["N", 80, "T"] }],
      outputs: [crossed("n_layer_cross_k"), crossed("n_layer_cross_v")],
      constants: [floats("zeros", [1, 1, 2, 4], [0, 0, 0, 0, 0, 0, 0, 0])],
      steps: [identity("zeros", "n_layer_cross_k"), identity("zeros", "n_layer_cross_v")],
    }),
    "tiny.en-decoder.int8.onnx": onnx({
      inputs: [
        { name: "tokens", type: "int64", shape: ["N", "L"] },
        kept("in_k"),
        kept("in_v"),
        crossed("n_layer_cross_k"),
        crossed("n_layer_cross_v"),
        { name: "offset", type: "int64", shape: [1] },
      ],
      outputs: [{ name: "logits", type: "float", shape: ["N", "L", pieces.length] }, kept("out_k"), kept("out_v")],
      constants: [
        floats(
          "table",
          [next.length, pieces.length],
          next.flatMap((token) => hot(pieces.length, token)),
        ),
      ],
      steps: [
        { op: "Gather", inputs: ["table", "tokens"], outputs: ["logits"] },
        identity("in_k", "out_k"),
        identity("in_v", "out_v"),
      ],
    }),
    "tiny.en-tokens.txt": pieces.map((piece, id) => `${Buffer.from(piece).toString("base64")} ${id}\n`).join(""),
  })
}

/** A Matcha voice of Chinese characters, with its vocoder. */
export const matcha = (directory: string, { vocoder = true }: { readonly vocoder?: boolean } = {}) =>
  write(directory, {
    "model-steps-3.onnx": onnx({
      metadata: {
        model_type: "matcha-tts",
        language: "Chinese",
        voice: "zh",
        jieba: 1,
        has_espeak: 0,
        n_speakers: 1,
        sample_rate: 22_050,
        version: 1,
        pad_id: 0,
        use_eos_bos: 0,
      },
      inputs: [
        { name: "x", type: "int64", shape: ["N", "L"] },
        { name: "x_length", type: "int64", shape: ["N"] },
        scale("noise_scale"),
        scale("length_scale"),
      ],
      outputs: [{ name: "y", type: "float", shape: ["N", 1, "S"] }],
      ...sounding,
    }),
    "tokens.txt": "_ 0\n， 1\n。 2\n！ 3\n？ 4\nni3 5\nhao3 6\n, 7\n. 8\n",
    "lexicon.txt": "你 ni3\n好 hao3\n你好 ni3 hao3\n",
    ...(vocoder && {
      "hifigan_v2.onnx": onnx({
        metadata: { model_type: "hifigan", sample_rate: 22_050 },
        inputs: [{ name: "mel", type: "float", shape: ["N", 1, "T"] }],
        outputs: [{ name: "audio", type: "float", shape: ["N", 1, "T"] }],
        steps: [identity("mel", "audio")],
      }),
    }),
  })

/** eSpeak NG's data as Debian has it: Kokoro, Kitten and Piper read every text with it, so a test of theirs has to have it. */
const espeakData = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
  .map((machine) => `/usr/lib/${machine}/espeak-ng-data`)
  .find((path) => existsSync(path))

/** eSpeak's sounds of English, each a token. */
const sounds =
  "_ ^ $ , . ! ? ; : ' a b d e f h i j k l m n o p r s t u v w x z æ ð ŋ ɐ ɑ ɒ ɔ ə ɚ ɛ ɜ ɡ ɪ ɹ ʃ ʊ ʌ ʒ ˈ ˌ ː θ ᵻ".split(
    " ",
  )
const soundTokens = [...sounds, " "].map((sound, id) => `${sound} ${id}\n`).join("")

const linkEspeak = (directory: string) => {
  if (espeakData !== undefined) symlinkSync(espeakData, join(directory, "espeak-ng-data"))
  return directory
}

const styled = (type: string, style: ReadonlyArray<number>, names: ReadonlyArray<string>) => ({
  model: onnx({
    metadata: {
      model_type: type,
      sample_rate: 24_000,
      version: 1,
      has_espeak: 1,
      n_speakers: names.length,
      voice: "en-us",
      language: "English",
      style_dim: style.join(","),
      speaker_names: names.join(","),
    },
    inputs: [
      { name: "tokens", type: "int64", shape: ["N", "L"] },
      { name: "style", type: "float", shape: ["N", style.at(-1)!] },
      { name: "speed", type: "float", shape: [1] },
    ],
    outputs: [{ name: "y", type: "float", shape: ["N", 1, "S"] }],
    constants: sounding.constants,
    steps: [identity("tokens", "x"), ...sounding.steps],
  }),
  voices: Buffer.alloc(4 * names.length * style.reduce((product, dim) => product * dim, 1)),
})

/** A Kokoro of two speakers. */
export const kokoro = (directory: string) => {
  const { model, voices } = styled("kokoro", [510, 1, 4], ["af_heart", "bm_george"])
  return linkEspeak(write(directory, { "model.onnx": model, "voices.bin": voices, "tokens.txt": soundTokens }))
}

/** A Kitten of two speakers. */
export const kitten = (directory: string) => {
  const { model, voices } = styled("kitten-tts", [1, 4], ["expr-voice-2-m", "expr-voice-2-f"])
  return linkEspeak(write(directory, { "model.fp16.onnx": model, "voices.bin": voices, "tokens.txt": soundTokens }))
}

/** A Piper voice. */
export const piper = (directory: string) =>
  linkEspeak(
    write(directory, {
      "en_US-tiny-low.onnx": onnx({
        metadata: {
          model_type: "vits",
          comment: "piper",
          language: "English",
          voice: "en-us",
          has_espeak: 1,
          n_speakers: 1,
          sample_rate: 16_000,
        },
        inputs: [
          { name: "input", type: "int64", shape: ["N", "L"] },
          { name: "input_lengths", type: "int64", shape: ["N"] },
          { name: "scales", type: "float", shape: [3] },
        ],
        outputs: [{ name: "y", type: "float", shape: ["N", 1, "S"] }],
        constants: sounding.constants,
        steps: [identity("input", "x"), ...sounding.steps],
      }),
      "tokens.txt": soundTokens,
    }),
  )
