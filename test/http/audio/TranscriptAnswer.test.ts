import { describe, expect, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { parse } from "@plussub/srt-vtt-parser"
import type { Segment } from "../../../src/audio/Segment.ts"
import { makeFormFields } from "../../../src/http/audio/Upload.ts"
import type { TranscriptionRequest } from "../../../src/transcription/Transcription.ts"
import { speechOf, startGateway, transcribed, transcriptionOf } from "../../support/gateway.ts"
import { transcriptBodies, transcriptEvent, validated } from "../../support/transcriptSchemas.ts"

const segments: ReadonlyArray<Segment> = [
  {
    startMs: 320,
    endMs: 1_200,
    text: "The birds",
    speaker: "A",
    words: [
      { word: "The", startMs: 320, endMs: 500 },
      { word: " birds ", startMs: 500, endMs: 1_200 },
    ],
  },
  { startMs: 1_300, endMs: 2_100, text: " are back.", speaker: "B" },
]

class Gateway extends Context.Service<
  Gateway,
  { readonly url: string; readonly requests: Array<TranscriptionRequest> }
>()("aviary/test/TranscriptAnswer") {}

/** Hears the two segments in every upload. */
const gateway = Layer.effect(
  Gateway,
  Effect.gen(function* () {
    const requests: Array<TranscriptionRequest> = []
    const hears = transcriptionOf((request) => {
      requests.push(request)
      return Effect.succeed({
        ...transcribed("", 2.5),
        language: "en-GB",
        segments: Stream.fromIterable(segments),
        unheardMs: () => 740,
      })
    })
    const { url } = yield* startGateway({ programs: Layer.merge(speechOf(), hears) })
    return { url, requests }
  }),
)

const send = (url: string, fields: ReadonlyArray<readonly [string, string]>) => {
  const body = new FormData()
  body.append("file", new Blob(["RIFF"]), "speech.wav")
  body.append("model", "gpt-4o-transcribe")
  for (const [name, value] of fields) body.append(name, value)
  return Effect.promise(() => fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body }))
}
const jsonOf = (response: Response) => Effect.promise(() => response.json())
const textOf = (response: Response) => Effect.promise(() => response.text())

layer(gateway, { excludeTestServices: true })("an answer", (it) => {
  it.effect.each(["json", "verbose_json", "diarized_json"] as const)(
    "%s is what OpenAI's specification says",
    (format) =>
      Effect.gen(function* () {
        const { url } = yield* Gateway
        const response = yield* send(url, [["response_format", format]])
        expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/json"])
        expect(validated(transcriptBodies[format], yield* jsonOf(response)).text).toBe("The birds are back.")
      }),
  )

  it.effect("verbose_json has all ten fields of a segment, an English name, and words where they are asked for", () =>
    Effect.gen(function* () {
      const { url, requests } = yield* Gateway
      const plain = yield* jsonOf(yield* send(url, [["response_format", "VERBOSE_JSON"]]))
      expect(plain).toEqual({
        task: "transcribe",
        language: "english",
        duration: 2.5,
        text: "The birds are back.",
        segments: [
          {
            ...{ id: 0, seek: 32, start: 0.32, end: 1.2, text: "The birds", tokens: [], temperature: 0 },
            ...{ avg_logprob: 0, compression_ratio: 0.529, no_speech_prob: 0 },
          },
          {
            ...{ id: 1, seek: 130, start: 1.3, end: 2.1, text: " are back.", tokens: [], temperature: 0 },
            ...{ avg_logprob: 0, compression_ratio: 0.556, no_speech_prob: 0 },
          },
        ],
        usage: { type: "duration", seconds: 3 },
      })
      expect(requests.at(-1)).toMatchObject({ times: true })
      expect(requests.at(-1)?.words).toBeUndefined()

      const granularities = [
        ["timestamp_granularities[]", "word"],
        ["timestamp_granularities[]", "segment"],
      ] as const
      const worded = yield* jsonOf(yield* send(url, [["response_format", "verbose_json"], ...granularities]))
      expect(validated(transcriptBodies.verbose_json, worded).words).toEqual([
        { word: "The", start: 0.32, end: 0.5 },
        { word: "birds", start: 0.5, end: 1.2 },
      ])
      expect(requests.at(-1)).toMatchObject({ times: true, words: true })
    }),
  )

  it.effect.each(["srt", "vtt"])("%s is text that players read", (format) =>
    Effect.gen(function* () {
      const { url } = yield* Gateway
      const response = yield* send(url, [["response_format", format]])
      expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8")
      expect(parse(yield* textOf(response)).entries).toMatchObject([
        { from: 320, to: 1_200, text: "The birds" },
        { from: 1_300, to: 2_100, text: "are back." },
      ])
    }),
  )

  it.effect("events are what OpenAI's specification says, and name speakers where these are asked for", () =>
    Effect.gen(function* () {
      const { url } = yield* Gateway
      const eventsWith = Effect.fnUntraced(function* (format: string) {
        const body = yield* textOf(
          yield* send(url, [
            ["stream", "true"],
            ["response_format", format],
          ]),
        )
        return body
          .split("\n\n")
          .filter((event) => event !== "")
          .map((event) => validated(transcriptEvent, JSON.parse(event.replace(/^data: /, ""))))
      })
      const done = {
        type: "transcript.text.done",
        text: "The birds are back.",
        usage: { type: "duration", seconds: 3 },
      }
      expect(yield* eventsWith("json")).toEqual([
        { type: "transcript.text.delta", delta: "The birds" },
        { type: "transcript.text.delta", delta: " are back." },
        done,
      ])
      const segment = (id: string, start: number, end: number, text: string, speaker: string) => ({
        ...{ type: "transcript.text.segment", id, start, end, text, speaker },
      })
      expect(yield* eventsWith("diarized_json")).toEqual([
        { type: "transcript.text.delta", delta: "The birds", segment_id: "seg_0" },
        segment("seg_0", 0.32, 1.2, "The birds", "A"),
        { type: "transcript.text.delta", delta: " are back.", segment_id: "seg_1" },
        segment("seg_1", 1.3, 2.1, " are back.", "B"),
        done,
      ])
    }),
  )

  it.effect("tells of speech that no text was made of", () =>
    Effect.gen(function* () {
      const { url } = yield* Gateway
      expect((yield* send(url, [])).headers.get("x-unheard-speech-ms")).toBe("740")
    }),
  )

  it.effect("takes fields as people send them", () =>
    Effect.gen(function* () {
      const { url, requests } = yield* Gateway
      const response = yield* send(url, [
        ["language", "en_GB"],
        ["prompt", "Names: Aviary."],
        ["keywords[]", "Magpie"],
        ["keywords[]", "Parakeet"],
        ["temperature", "0.2"],
        ["include[]", "logprobs"],
        ["chunking_strategy[type]", "server_vad"],
        ["chunking_strategy", "auto"],
        ["response_format", ""],
        ["timestamp_granularities[]", "Word"],
      ])
      expect(response.status).toBe(200)
      expect(requests.at(-1)).toMatchObject({
        language: "en-GB",
        prompt: "Names: Aviary.",
        keywords: ["Magpie", "Parakeet"],
        temperature: 0.2,
      })
      yield* send(url, [
        ["languages[]", "german"],
        ["languages[]", "fr"],
        ["language", "auto"],
      ])
      expect(requests.at(-1)?.language).toBe("de")
    }),
  )

  it.effect.each([
    ["language", "klingonish", "language", "invalid_value"],
    ["temperature", "hot", "temperature", "invalid_value"],
    ["temperature", "1.5", "temperature", "invalid_value"],
    ["timestamp_granularities[]", "phone", "timestamp_granularities", "unsupported_value"],
    ["response_format", "lrc", "response_format", "unsupported_value"],
  ] as const)("%s=%s is refused by the name of the field", ([name, value, param, code]) =>
    Effect.gen(function* () {
      const { url } = yield* Gateway
      const response = yield* send(url, [[name, value]])
      expect(response.status).toBe(400)
      expect(yield* jsonOf(response)).toMatchObject({ error: { param, code } })
    }),
  )
})

describe("the fields of a form", () => {
  it("are lists in whichever spelling a list has", () => {
    const spelled = (...pairs: ReadonlyArray<readonly [string, string]>) => {
      const fields = makeFormFields()
      for (const [name, value] of pairs) fields.add(name, value)
      return fields.all()["timestamp_granularities"]
    }
    const both = ["word", "segment"]
    expect(spelled(["timestamp_granularities[]", "word"], ["timestamp_granularities[]", "segment"])).toEqual(both)
    expect(spelled(["timestamp_granularities[0]", "word"], ["timestamp_granularities[1]", "segment"])).toEqual(both)
    expect(spelled(["timestamp_granularities", "word, segment"])).toEqual(both)
    expect(spelled(["timestamp_granularities", '["word","segment"]'])).toEqual(both)
    expect(spelled(["timestamp_granularities", ""])).toBeUndefined()
  })

  it("that say nothing are absent, and of a name that comes twice the first counts", () => {
    const fields = makeFormFields()
    for (const [name, value] of [
      ["language", "None"],
      ["prompt", "null"],
      ["model", "whisper-1"],
      ["model", "other"],
    ] as const) {
      fields.add(name, value)
    }
    expect(fields.all()).toEqual({ model: "whisper-1" })
  })

  it("may be blank for long, or brackets, and are read no slower for it", () => {
    const fields = makeFormFields()
    const blank = `${" ".repeat(1_000_000)}x`
    fields.add("prompt", blank)
    fields.add("[".repeat(1_000_000), "x")
    expect(fields.all()["prompt"]).toBe(blank)
  })
})
