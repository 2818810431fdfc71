import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { readTranscript } from "../../src/upstream/TranscriptBody.ts"

/** A transcript of one segment, as long as the recording. */
const whole = (text: string) => [{ startMs: 0, endMs: 2_500, text }]

describe("readTranscript", () => {
  const readable: ReadonlyArray<readonly [string, string, string, unknown]> = [
    ["a NIM's JSON", "application/json", `{"text":"Hello."}`, whole("Hello.")],
    ["plain text", "text/plain", " Hello.\n", whole("Hello.")],
    ["text of no type", "", "[laughter] Hello.", whole("[laughter] Hello.")],
    ["a JSON string", "application/json", `"Hello."`, whole("Hello.")],
    [
      "an open-source server's segments, in milliseconds",
      "application/json",
      `{"text":"Hello. You.","segments":[{"id":0,"start":0.48,"end":1.2,"text":" Hello."},{"start":1.2,"end":2,"text":"You."}]}`,
      [
        { startMs: 480, endMs: 1_200, text: "Hello." },
        { startMs: 1_200, endMs: 2_000, text: " You." },
      ],
    ],
    [
      "segments of a language without spaces, and their words",
      "application/json",
      `{"text":"你好。再见。","segments":[{"start":0,"end":1,"text":"你好。","words":[{"word":" 你好","start":0.1,"end":0.9}]},{"start":1,"end":2,"text":"再见。"}]}`,
      [
        { startMs: 0, endMs: 1_000, text: "你好。", words: [{ word: "你好", startMs: 100, endMs: 900 }] },
        { startMs: 1_000, endMs: 2_000, text: "再见。" },
      ],
    ],
    [
      "a text that its segments do not add up to",
      "application/json",
      `{"text":"Hello. You.","segments":[{"start":0,"end":1,"text":"Hello."}]}`,
      whole("Hello. You."),
    ],
    ["silence", "application/json", `{"text":""}`, []],
    ["silence with a segment", "application/json", `{"text":"","segments":[{"start":0,"end":1,"text":""}]}`, []],
    [
      "a text whose segments cannot be read",
      "application/json",
      `{"text":"Hello.","segments":[{"start":"0:00"}]}`,
      whole("Hello."),
    ],
  ]
  for (const [what, mediaType, body, transcript] of readable) {
    it.effect(`reads ${what}`, () =>
      Effect.gen(function* () {
        expect(yield* readTranscript(mediaType, body, 2_500)).toEqual(transcript)
      }),
    )
  }

  for (const [what, mediaType, body] of [
    ["JSON without a text", "application/json", `{"result":"Hello."}`],
    ["an error under 200", "application/json", `{"error":"CUDA error"}`],
    ["JSON that says it is text", "text/plain", `{"error":"CUDA error"}`],
    ["a page without a type", "", "<html>Hello</html>"],
    ["text under another type", "application/octet-stream", "Hello."],
    ["nothing, as JSON", "application/json", ""],
  ] as const) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        expect((yield* Effect.flip(readTranscript(mediaType, body, 2_500)))._tag).toBe("EngineMalformed")
      }),
    )
  }
})
