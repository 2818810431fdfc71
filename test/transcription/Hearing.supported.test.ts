import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { checkSupported } from "../../src/transcription/Hearing.ts"
import { type Listening, textAlone } from "../../src/upstream/Listening.ts"

const engine = (abilities = textAlone) => ({ abilities, language: (asked?: string) => asked ?? "en-US" })

it.effect.each([
  [{ translate: true }, "model", /cannot translate/],
  [{ speakers: true }, "response_format", /does not tell speakers apart.*verbose_json/],
  [{ words: true, language: "de" }, "timestamp_granularities", /not of german/],
] as const satisfies ReadonlyArray<readonly [Listening, string, RegExp]>)(
  "%j is refused where no engine can, with what to do instead",
  ([asked, param, message]) =>
    Effect.gen(function* () {
      const { reason } = yield* Effect.flip(checkSupported(asked, [engine(), engine()]))
      expect(reason).toMatchObject({ param, message: expect.stringMatching(message) })
      yield* checkSupported(asked, [engine(), engine({ ...textAlone, words: true, speakers: true, translates: true })])
    }),
)

it.effect("times of English words are asked of any engine, in the language that it listens for", () =>
  checkSupported({ words: true }, [engine()]),
)
