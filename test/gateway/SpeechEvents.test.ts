/**
 * `stream_format=sse`, which LiveKit asks for and OpenAI's SDKs know: the same audio as events, as it is made, from the cache as
 * well. A client that got a delta and no `done` has to know that it has not got all, so what fails in between ends the connection.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import OpenAI from "openai"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { NimTest } from "../support/nim.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"
import { audioOf, speechEventsIn } from "../support/speechEvents.ts"

const input = "A text that is long enough for the engine to make some seconds of audio before it breaks off."
const half = Math.floor(input.length / 2) * 1_544 * 2

const text = (response: Response) => Effect.promise(() => response.text())
const bytes = (response: Response) => Effect.promise(async () => Buffer.from(await response.arrayBuffer()))

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })("SpeechEvents", (it) => {
  it.effect("a speech is deltas, then done with its usage; made, followed and from the cache", () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(yield* NimTest)
      const asked = { input, stream_format: "sse" }
      const made = yield* postSpeech(url, asked)
      expect(made.headers.get("content-type")).toBe("text/event-stream")
      expect(made.headers.get("x-cache")).toBe("MISS")
      const events = speechEventsIn(yield* text(made))
      expect(events.length).toBeGreaterThan(10)
      const usage = { input_tokens: input.length, output_tokens: 0, total_tokens: input.length }
      expect(events.at(-1)).toEqual({ type: "speech.audio.done", usage })
      expect(events.filter(({ type }) => type === "speech.audio.done")).toHaveLength(1)

      const plain = yield* postSpeech(url, { input })
      expect(plain.headers.get("x-cache")).toBe("HIT")
      const audio = yield* bytes(plain)
      expect(audioOf(events)).toEqual(audio)

      const again = yield* postSpeech(url, { ...asked, stream_format: "SSE" })
      expect(again.headers.get("x-cache")).toBe("HIT")
      const kept = speechEventsIn(yield* text(again))
      expect(kept.at(-1)).toEqual(events.at(-1))
      expect(audioOf(kept)).toEqual(audio)
    }),
  )

  it.effect("what fails after the first delta breaks the connection off, without a done", () =>
    Effect.gen(function* () {
      const nim = yield* NimTest
      const gateway = yield* startAviary(nim)
      yield* nim.setFaults([{ kind: "cut", afterBytes: half, route: "synthesize_online" }])
      const connection = yield* rawConnection(gateway.port)
      connection.socket.write(
        jsonPost("/v1/audio/speech", { model: "tts-1", voice: "alloy", input, stream_format: "sse" }),
      )
      const received = (yield* connection.closed).received.toString("latin1")
      expect(received).toMatch(/^HTTP\/1\.1 200 /)
      expect(received).toContain('data: {"type":"speech.audio.delta"')
      expect(received).not.toContain("speech.audio.done")
      expect(received.endsWith("0\r\n\r\n")).toBe(false)
      yield* nim.setFaults([])
    }),
  )

  it.effect("what fails before it is an error as ever", () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(yield* NimTest)
      const response = yield* postSpeech(url, { input, stream_format: "sse", voice: "nobody" })
      expect([response.status, response.headers.get("content-type")]).toEqual([400, "application/json"])
    }),
  )

  it.effect("the official client reads them", () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(yield* NimTest)
      const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 })
      const events = yield* Effect.promise(async () => {
        const response = await client.audio.speech.create({
          model: "gpt-4o-mini-tts",
          voice: "marin",
          input,
          response_format: "wav",
          stream_format: "sse",
        })
        return speechEventsIn(await response.text())
      })
      const audio = audioOf(events)
      expect(audio.toString("latin1", 0, 4)).toBe("RIFF")
      expect(audio.length).toBeGreaterThan(100_000)
    }),
  )
})
