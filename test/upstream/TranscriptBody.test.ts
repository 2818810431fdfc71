import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { readTranscript } from "../../src/upstream/TranscriptBody.ts"

describe("readTranscript", () => {
  const readable: ReadonlyArray<readonly [string, string, string, unknown]> = [
    ["a NIM's JSON", "application/json", `{"text":"Hello."}`, { text: "Hello.", segments: [] }],
    ["plain text", "text/plain", " Hello.\n", { text: "Hello.", segments: [] }],
    ["text of no type", "", "[laughter] Hello.", { text: "[laughter] Hello.", segments: [] }],
    ["a JSON string", "application/json", `"Hello."`, { text: "Hello.", segments: [] }],
    [
      "an open-source server's segments, in milliseconds",
      "application/json",
      `{"text":"Hello. You.","segments":[{"id":0,"start":0.48,"end":1.2,"text":" Hello."},{"start":1.2,"end":2,"text":"You."}]}`,
      {
        text: "Hello. You.",
        segments: [
          { startMs: 480, endMs: 1_200, text: "Hello." },
          { startMs: 1_200, endMs: 2_000, text: "You." },
        ],
      },
    ],
    [
      "a text whose segments cannot be read",
      "application/json",
      `{"text":"Hello.","segments":[{"start":"0:00"}]}`,
      { text: "Hello.", segments: [] },
    ],
  ]
  for (const [what, mediaType, body, transcript] of readable) {
    it.effect(`reads ${what}`, () =>
      Effect.gen(function* () {
        expect(yield* readTranscript(mediaType, body)).toEqual(transcript)
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
        expect((yield* Effect.flip(readTranscript(mediaType, body)))._tag).toBe("EngineMalformed")
      }),
    )
  }
})
