import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeLocalRecognizer } from "../../src/embedded/LocalRecognizer.ts"
import { findRecognizer } from "../../src/embedded/RecognizerFolder.ts"
import { complaint, inFolder } from "../support/modelFolder.ts"
import { nemoTransducer, senseVoice, whisper } from "../support/tinyModels.ts"

const setting = "AVIARY_PARAKEET_MODEL_DIR"

const said = (spoil: (folder: string) => unknown) => complaint((folder) => findRecognizer(setting, folder, 1), spoil)

describe("findRecognizer", () => {
  it.live("tells the kinds by their files", () =>
    inFolder(
      Effect.fnUntraced(function* (folder) {
        const kind = (make: (directory: string) => string, name: string) =>
          Effect.map(findRecognizer(setting, make(join(folder, name)), 1), (found) => found.kind)
        expect(yield* kind(nemoTransducer, "a")).toBe("NeMo transducer")
        expect(yield* kind(whisper, "b")).toBe("Whisper")
        expect(yield* kind(senseVoice, "c")).toBe("SenseVoice")
        const moonshine = (directory: string) => {
          whisper(directory)
          for (const name of ["preprocess", "encode.int8", "uncached_decode.int8", "cached_decode.int8"])
            writeFileSync(join(directory, `${name}.ort`), "as they come")
          return directory
        }
        expect(yield* kind(moonshine, "d")).toBe("Moonshine")
      }),
    ),
  )

  it.live("takes the integers where a folder has both kinds of a file", () =>
    inFolder(
      Effect.fnUntraced(function* (folder) {
        senseVoice(folder)
        writeFileSync(join(folder, "model.onnx"), "another")
        const { config } = yield* findRecognizer(setting, folder, 1)
        expect(config.senseVoice!.model).toBe(join(folder, "model.int8.onnx"))
      }),
    ),
  )

  const wrong: ReadonlyArray<readonly [string, (folder: string) => unknown, string]> = [
    ["is not there", (dir) => rmSync(dir, { recursive: true }), `${setting}: the folder DIR is not there.`],
    [
      "is a file",
      (dir) => {
        rmSync(dir, { recursive: true })
        writeFileSync(dir, "")
      },
      `${setting}: the folder DIR is a file, not a folder.`,
    ],
    [
      "is empty",
      () => {},
      `${setting}: DIR holds no model: put there what sherpa-onnx offers of a NeMo transducer (such as Parakeet TDT), of Moonshine, Whisper or SenseVoice.`,
    ],
    ["has no tokens", (dir) => rmSync(join(nemoTransducer(dir), "tokens.txt")), `${setting}: DIR holds no tokens.txt.`],
    [
      "has tokens of no length",
      (dir) => truncateSync(join(nemoTransducer(dir), "tokens.txt")),
      `${setting}: DIR/tokens.txt is empty.`,
    ],
    [
      "has no decoder",
      (dir) => rmSync(join(nemoTransducer(dir), "decoder.int8.onnx")),
      `${setting}: DIR holds no decoder (decoder.int8.onnx or decoder.onnx).`,
    ],
    [
      "has half an encoder",
      (dir) => truncateSync(join(nemoTransducer(dir), "encoder.int8.onnx"), 100),
      `${setting}: DIR/encoder.int8.onnx is cut off: copy it again.`,
    ],
    [
      "has a pointer of Git LFS",
      (dir) =>
        writeFileSync(join(nemoTransducer(dir), "joiner.int8.onnx"), "version https://git-lfs.github.com/spec/v1\n"),
      `${setting}: DIR/joiner.int8.onnx is a pointer of Git LFS, not the model: get the file itself with \`git lfs pull\`.`,
    ],
    [
      "has a web page",
      (dir) => writeFileSync(join(senseVoice(dir), "model.int8.onnx"), "<!doctype html><title>Sign in</title>"),
      `${setting}: DIR/model.int8.onnx is no ONNX model.`,
    ],
    [
      "has a folder for a model",
      (dir) => {
        rmSync(join(senseVoice(dir), "model.int8.onnx"))
        mkdirSync(join(dir, "model.int8.onnx"))
      },
      `${setting}: DIR/model.int8.onnx cannot be read: EISDIR: illegal operation on a directory, read.`,
    ],
    [
      "was exported for something else",
      (dir) => nemoTransducer(dir, { pred_hidden: undefined }),
      `${setting}: DIR/encoder.int8.onnx has no pred_hidden in its metadata: take a model that was exported for sherpa-onnx.`,
    ],
  ]
  it.live.each(wrong)("says in one line that a folder %s", ([, spoil, line]) =>
    Effect.map(said(spoil), (message) => expect(message).toBe(line)),
  )
})

describe("makeLocalRecognizer", () => {
  it.live(
    "says in one line that the parts of a model do not belong together, and lives on",
    () =>
      inFolder(
        Effect.fnUntraced(function* (folder) {
          nemoTransducer(folder, { vocab_size: 4 })
          const { message } = yield* Effect.flip(makeLocalRecognizer(setting, folder))
          expect(message).toMatch(
            /^AVIARY_PARAKEET_MODEL_DIR: \S+, a NeMo transducer by its files, cannot be loaded: .+$/,
          )
          expect(message).not.toContain("\n")
        }),
      ),
    { timeout: 60_000 },
  )
})
