/**
 * Chats, notes and web pages are markdown, and a voice that says "asterisk asterisk" is switched off. What is spoken is what a person would
 * read aloud; a client that wants its text as it is says so, and any client is told what was spoken.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it as test, layer } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Schedule } from "effect"
import { NimEngines } from "../../src/nim/NimEngines.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { hearDocument } from "../support/heardDocument.ts"
import { markdownDocuments } from "../support/markdownDocuments.ts"
import { fakeEngines, NimTest } from "../support/nim.ts"

class Asked extends Context.Service<Asked, { readonly texts: Array<string> }>()("aviary/test/SpeakableText/Asked") {}

/** A NIM that remembers what it was asked to say. */
const asked = Layer.sync(Asked, () => ({ texts: [] }))
const listeningNim = NimTest.layerWith(
  Layer.effect(
    NimEngines,
    Effect.gen(function* () {
      const { texts } = yield* Asked
      const engines = yield* NimEngines
      return {
        ...engines,
        synthesize: (utterance) => {
          texts.push(utterance.text)
          return engines.synthesize(utterance)
        },
      }
    }),
  ).pipe(Layer.provide(fakeEngines)),
).pipe(Layer.provideMerge(asked))

const exact = { headers: { "x-aviary-speakable": "off" } }
const speak = Effect.fnUntraced(function* (url: string, input: string, init: Parameters<typeof postSpeech>[2] = {}) {
  const response = yield* postSpeech(url, { input, response_format: "pcm" }, init)
  expect(response.status).toBe(200)
  const bytes = yield* Effect.promise(() => response.arrayBuffer())
  const spoken = response.headers.get("x-aviary-spoken")
  return {
    cache: response.headers.get("x-cache"),
    spoken: spoken === null ? undefined : decodeURIComponent(spoken),
    seconds: bytes.byteLength / 48_000,
  }
})

const markdown = "# The plan\n\nIt is **very** good 😀, see [the page](https://a.example/b).\n\n- eggs\n- milk"
const plain = "The plan. It is very good, see the page. eggs. milk."

layer(Layer.provideMerge(listeningNim, NodeServices.layer), { excludeTestServices: true })("SpeakableText", (it) => {
  it.effect("markdown is spoken as it is read, is told in a header, and is the same entry as its plain words", () =>
    Effect.gen(function* () {
      const { texts } = yield* Asked
      const { url } = yield* startAviary(yield* NimTest)
      const made = yield* speak(url, markdown)
      expect(texts.splice(0)).toEqual([plain])
      expect([made.cache, made.spoken]).toEqual(["MISS", plain])
      expect(yield* speak(url, plain)).toMatchObject({ cache: "HIT", spoken: undefined })
      expect(yield* speak(url, markdown)).toMatchObject({ cache: "HIT", spoken: plain })
    }),
  )

  it.effect("a client that says so has its text as it is, and so has everybody where the operator says so", () =>
    Effect.gen(function* () {
      const { texts } = yield* Asked
      const nim = yield* NimTest
      const { url } = yield* startAviary(nim)
      expect((yield* speak(url, "It is **very** good.", exact)).spoken).toBeUndefined()
      const off = yield* startAviary(nim, { speakable: "off" })
      yield* speak(off.url, "It is **very** bad.")
      const on = { headers: { "x-aviary-speakable": "ON" } }
      expect((yield* speak(off.url, "It is **very** so.", on)).spoken).toBe("It is very so.")
      expect(texts.splice(0)).toEqual(["It is **very** good.", "It is **very** bad.", "It is very so."])
    }),
  )

  it.effect("an SSML document is handed on whole, however long, and its length is not judged", () =>
    Effect.gen(function* () {
      const { texts } = yield* Asked
      const { url } = yield* startAviary(yield* NimTest)
      const document = `<speak>${"One sentence here. ".repeat(80)}<break time="9s"/>*Two*</speak>`
      expect((yield* speak(url, document)).spoken).toBeUndefined()
      expect(texts.splice(0)).toEqual([document])
    }),
  )

  it.effect("a text with nothing to say is a short silence", () =>
    Effect.gen(function* () {
      const { texts } = yield* Asked
      const { url } = yield* startAviary(yield* NimTest)
      for (const text of ["***", "|---|---|", "```\n```", "😀🎉", "![](a.png)", "<br>"]) {
        expect((yield* speak(url, text)).seconds, text).toBe(0.25)
      }
      expect(texts).toEqual([])
    }),
  )

  it.effect("a word of the dictionary is said by its spelling; a change makes anew only what used it", () =>
    Effect.gen(function* () {
      const { texts } = yield* Asked
      const fs = yield* FileSystem.FileSystem
      const path = `${yield* fs.makeTempDirectoryScoped()}/words.json`
      yield* fs.writeFileString(path, '{"nginx":"engine x"}')
      const { url } = yield* startAviary(yield* NimTest, { pronunciations: path })
      const [using, other] = ["Ask Nginx first.", "Ask somebody else."]
      expect((yield* speak(url, using)).spoken).toBe("Ask engine x first.")
      yield* speak(url, other)
      texts.splice(0)
      yield* fs.writeFileString(path, '{"nginx":"engine eks"}')
      const changed = yield* Effect.repeat(speak(url, using), {
        until: ({ spoken }) => spoken === "Ask engine eks first.",
        schedule: Schedule.spaced("100 millis"),
      })
      expect(changed.cache).toBe("MISS")
      expect((yield* speak(url, other)).cache).toBe("HIT")
      expect(texts).toEqual(["Ask engine eks first."])
    }),
  )
})

const tomato = "You say tomato, I say tomato."
const sounds = '{"tomato":"/təˈmɑːtəʊ/"}'
const asSounds = '<phoneme alphabet="ipa" ph="təˈmɑːtəʊ">tomato</phoneme>'

layer(Layer.provideMerge(listeningNim, NodeServices.layer), { excludeTestServices: true })("SpeakableText", (it) => {
  it.effect(
    "a word of the dictionary with IPA is handed to a NIM with its sounds; a change makes anew only what has it",
    () =>
      Effect.gen(function* () {
        const { texts } = yield* Asked
        const fs = yield* FileSystem.FileSystem
        const path = `${yield* fs.makeTempDirectoryScoped()}/words.json`
        yield* fs.writeFileString(path, sounds)
        const { url } = yield* startAviary(yield* NimTest, { pronunciations: path })
        expect((yield* speak(url, tomato)).spoken).toBe("You say /təˈmɑːtəʊ/, I say /təˈmɑːtəʊ/.")
        yield* speak(url, "Nothing else.")
        expect(texts.splice(0)).toEqual([`<speak>You say ${asSounds}, I say ${asSounds}.</speak>`, "Nothing else."])
        expect((yield* speak(url, tomato)).cache).toBe("HIT")
        yield* fs.writeFileString(path, '{"tomato":"/təˈmeɪtoʊ/"}')
        const changed = yield* Effect.repeat(speak(url, tomato), {
          until: ({ spoken }) => spoken === "You say /təˈmeɪtoʊ/, I say /təˈmeɪtoʊ/.",
          schedule: Schedule.spaced("100 millis"),
        })
        expect(changed.cache).toBe("MISS")
        expect((yield* speak(url, "Nothing else.")).cache).toBe("HIT")
        expect(texts).toHaveLength(1)
      }),
  )
})

test.live(
  "random markdown is neither refused nor broken off, and is heard back; a document of sounds is said with them",
  () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(undefined)
      const ssml = '<speak>You say <phoneme alphabet="ipa" ph="təˈmɑːtəʊ">tomato</phoneme> now.</speak>'
      expect((yield* speak(url, ssml)).spoken).toBe("You say /təˈmɑːtəʊ/ now.")
      const documents = markdownDocuments(13, 6)
      const heard = yield* Effect.forEach(documents, (one) => Effect.promise(() => hearDocument(url, one)), {
        concurrency: 2,
      })
      const sum = (of: (one: (typeof heard)[number]) => number) => heard.reduce((total, one) => total + of(one), 0)
      expect(heard.filter(({ outcome }) => outcome !== "whole" && outcome !== "silence")).toEqual([])
      expect(sum(({ wrong }) => wrong) / sum(({ words }) => words)).toBeLessThan(0.15)
    }).pipe(Effect.provide(NodeServices.layer)),
)
