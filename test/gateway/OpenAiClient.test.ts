/**
 * The official OpenAI client works with nothing changed but its base URL: what people already run is what must work. Once
 * with the engines inside the gateway, once with the same engines behind the NIM's protocol, and once behind another gateway,
 * which is a server with OpenAI's routes like any other.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer } from "effect"
import OpenAI, { toFile } from "openai"
import { createReadStream } from "node:fs"
import { AudioDecoder } from "../../src/audio/AudioDecoder.ts"
import { Flite } from "../../src/embedded/Flite.ts"
import { Moonshine } from "../../src/embedded/Moonshine.ts"
import { nimEnginesEmbedded } from "../../src/nim/NimEnginesEmbedded.ts"
import { makeScratchFolder } from "../../src/scratch/ScratchFolder.ts"
import { startAviary } from "../support/aviary.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { NimTest } from "../support/nim.ts"
import { wordErrorRate } from "../support/wordErrors.ts"

const sentence = "The gateway answers with speech, and the same gateway writes down what it hears."

class Aviary extends Context.Service<Aviary, { readonly client: OpenAI }>()("aviary/test/OpenAiClient/Aviary") {}

const clientOf = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "unused", maxRetries: 0 })

const embedded = Layer.effect(
  Aviary,
  Effect.map(startAviary(undefined), ({ url }) => ({ client: clientOf(url) })),
).pipe(Layer.provideMerge(NodeServices.layer))

const decoder = Layer.unwrap(
  Effect.map(
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped()).pipe(Effect.flatMap(makeScratchFolder)),
    (scratch) => AudioDecoder.layer({ scratch }),
  ),
)

const realNim = NimTest.layerWith(nimEnginesEmbedded.pipe(Layer.provide([Flite.layer, Moonshine.layer, decoder])))

const behindNim = Layer.effect(
  Aviary,
  Effect.flatMap(NimTest, (nim) => Effect.map(startAviary(nim), ({ url }) => ({ client: clientOf(url) }))),
).pipe(Layer.provide(realNim), Layer.provideMerge(NodeServices.layer))

const behindAviary = Layer.effect(
  Aviary,
  Effect.gen(function* () {
    const inner = yield* startAviary(undefined)
    const { url } = yield* startAviary({ url: new URL(inner.url) })
    return { client: clientOf(url) }
  }),
).pipe(Layer.provideMerge(NodeServices.layer))

describe.each([
  ["the embedded engines", embedded],
  ["the same engines behind a NIM", behindNim],
  ["the same engines behind another Aviary", behindAviary],
] as const)("OpenAiClient over %s", (_, aviary) => {
  layer(aviary, { excludeTestServices: true, timeout: "2 minutes" })((it) => {
    it.effect("lists models, one for each trade and one for each voice", () =>
      Effect.gen(function* () {
        const { client } = yield* Aviary
        const models = yield* Effect.promise(() => client.models.list())
        const kinds = models.data.map((model) => (model as unknown as { kind: string }).kind)
        expect(kinds.filter((kind) => kind === "stt")).toHaveLength(1)
        expect(kinds.filter((kind) => kind === "tts").length).toBeGreaterThan(2)
      }),
    )

    it.effect("speaks a sentence as MP3 and hears it again", () =>
      Effect.gen(function* () {
        const { client } = yield* Aviary
        const mp3 = yield* Effect.promise(async () => {
          const speech = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: sentence })
          expect(speech.headers.get("content-type")).toBe("audio/mpeg")
          return new Uint8Array(await speech.arrayBuffer())
        })
        const heard = yield* Effect.promise(async () =>
          client.audio.transcriptions.create({ model: "whisper-1", file: await toFile(mp3, "speech.mp3") }),
        )
        expect(wordErrorRate(sentence, heard.text)).toBeLessThanOrEqual(0.1)
      }),
    )

    it.effect.each(humanSpeech)("hears a human say: $text", ({ recording, text }) =>
      Effect.gen(function* () {
        const { client } = yield* Aviary
        const heard = yield* Effect.promise(() =>
          client.audio.transcriptions.create({ model: "whisper-1", file: createReadStream(recording.path) }),
        )
        expect(wordErrorRate(text, heard.text)).toBeLessThanOrEqual(0.05)
      }),
    )

    it.effect("hears a human in events, whose parts put together are the whole", () =>
      Effect.gen(function* () {
        const { client } = yield* Aviary
        const [{ recording, text }] = humanSpeech
        const events = yield* Effect.promise(async () => {
          const file = createReadStream(recording.path)
          const stream = await client.audio.transcriptions.create({ model: "gpt-4o-transcribe", file, stream: true })
          const all: Array<OpenAI.Audio.TranscriptionStreamEvent> = []
          for await (const event of stream) all.push(event)
          return all
        })
        const deltas = events.flatMap((event) => (event.type === "transcript.text.delta" ? [event.delta] : []))
        const done = events.at(-1)!
        expect(done).toMatchObject({ type: "transcript.text.done", text: deltas.join("") })
        expect(wordErrorRate(text, deltas.join(""))).toBeLessThanOrEqual(0.05)
      }),
    )

    it.effect("tells the client of a mistake in the words of its own error class", () =>
      Effect.gen(function* () {
        const { client } = yield* Aviary
        const error = yield* Effect.promise(() =>
          client.audio.speech.create({ model: "tts-1", voice: "nobody", input: sentence }).then(
            () => undefined,
            (failure: unknown) => failure,
          ),
        )
        expect(error).toBeInstanceOf(OpenAI.BadRequestError)
        expect(error).toMatchObject({ status: 400, code: "voice_not_found", param: "voice" })
      }),
    )
  })
})
