/**
 * Whoever tries the gateway without a GPU hears the voice inside and is heard by the recognizer inside: what one says the
 * other has to understand, through MP3 as clients ask for it, and a human has to be understood as well.
 *
 * The sentences are 24 with numbers, names, money and questions, and 30 of the Harvard list. Where a sentence can be spelled
 * out in several ways, the one that was heard counts.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { postSpeech, startAviary, transcriptText } from "../support/aviary.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { readAloud } from "../support/spokenNumbers.ts"
import { wordErrors, words } from "../support/wordErrors.ts"

const sentences: ReadonlyArray<readonly [string, ...ReadonlyArray<string>]> = JSON.parse(
  readFileSync(fileURLToPath(new URL("../support/sentences.json", import.meta.url)), "utf8"),
)

const fewest = (expected: ReadonlyArray<string>, heard: string): number =>
  Math.min(...readAloud(heard).flatMap((said) => expected.map((text) => wordErrors(text, said))))

it.live(
  "the voice inside is understood by the recognizer inside: 54 sentences with at most 25 words wrong of 497",
  () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(undefined)
      const wrong: Array<string> = []
      let [errors, total] = [0, 0]
      for (const [text, ...spelled] of sentences) {
        const speech = yield* postSpeech(url, { input: text, voice: "alloy", response_format: "mp3" })
        const heard = yield* transcriptText(url, yield* Effect.promise(() => speech.arrayBuffer()), "speech.mp3")
        const expected = spelled.length > 0 ? spelled : [text]
        const missed = fewest(expected, heard)
        errors += missed
        total += words(expected[0]!).length
        if (missed > 0) wrong.push(`${missed}: ${text} -> ${heard.trim()}`)
      }
      expect(total).toBeGreaterThan(480)
      expect(errors, `${errors} errors\n${wrong.join("\n")}`).toBeLessThanOrEqual(25)

      for (const { recording, text } of humanSpeech) {
        const heard = yield* transcriptText(url, new Uint8Array(readFileSync(recording.path)), "human.wav")
        expect(wordErrors(text, heard) / words(text).length).toBeLessThanOrEqual(0.03)
      }
    }).pipe(Effect.provide(NodeServices.layer)),
)
