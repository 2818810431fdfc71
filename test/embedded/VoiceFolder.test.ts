import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, rmSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { findVoice } from "../../src/embedded/VoiceFolder.ts"
import { complaint, inFolder } from "../support/modelFolder.ts"
import { kitten, kokoro, matcha, piper, vits } from "../support/tinyModels.ts"

const setting = "AVIARY_MAGPIE_MODEL_DIR"

const said = (spoil: (folder: string) => unknown) => complaint((folder) => findVoice(setting, folder, 1), spoil)

describe("findVoice", () => {
  it.live("tells the kinds by their files", () =>
    inFolder(
      Effect.fnUntraced(function* (folder) {
        const kind = (make: (directory: string) => string, name: string) =>
          Effect.map(findVoice(setting, make(join(folder, name)), 1), (found) => found.kind)
        expect(yield* kind(vits, "a")).toBe("VITS")
        expect(yield* kind(matcha, "b")).toBe("Matcha")
        expect(yield* kind(kokoro, "c")).toBe("Kokoro")
        expect(yield* kind(kitten, "d")).toBe("Kitten")
        expect(yield* kind(piper, "e")).toBe("VITS")
      }),
    ),
  )

  const wrong: ReadonlyArray<readonly [string, (folder: string) => unknown, string | RegExp]> = [
    [
      "is empty",
      () => {},
      `${setting}: DIR holds no model: put there what sherpa-onnx offers of a Kokoro, Piper or other VITS, Kitten or Matcha voice.`,
    ],
    ["has no tokens", (dir) => rmSync(join(vits(dir), "tokens.txt")), `${setting}: DIR holds no tokens.txt.`],
    ["has no lexicon", (dir) => rmSync(join(vits(dir), "lexicon.txt")), `${setting}: DIR holds no lexicon.txt.`],
    [
      "has no eSpeak data, which Piper needs",
      (dir) => rmSync(join(piper(dir), "espeak-ng-data")),
      `${setting}: DIR holds no folder espeak-ng-data, which comes with the model.`,
    ],
    [
      "has eSpeak data without its sounds",
      (dir) => {
        rmSync(join(kokoro(dir), "espeak-ng-data"))
        mkdirSync(join(dir, "espeak-ng-data"))
      },
      `${setting}: DIR holds an espeak-ng-data without phontab, phonindex, phondata, intonations.`,
    ],
    [
      "has the voices of another model",
      (dir) => truncateSync(join(kokoro(dir), "voices.bin"), 400),
      `${setting}: DIR holds a voices.bin of 400 bytes, not the 16320 of this model: they belong together.`,
    ],
    [
      "has a Matcha without its vocoder",
      (dir) => matcha(dir, { vocoder: false }),
      `${setting}: DIR holds no vocoder (such as vocos-22khz-univ.onnx).`,
    ],
    [
      "has a model without metadata",
      (dir) => vits(dir, { metadata: { comment: undefined } }),
      `${setting}: DIR/model.onnx has no comment in its metadata: take a model that was exported for sherpa-onnx.`,
    ],
  ]
  it.live.each(wrong)("says in one line that a folder %s", ([, spoil, line]) =>
    Effect.map(said(spoil), (message) => expect(message).toBe(line)),
  )
})
