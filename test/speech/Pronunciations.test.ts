import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/Settings.ts"
import { Pronunciations, wordsOf } from "../../src/speech/Pronunciations.ts"

const dictionary = {
  ...{ nginx: "engine x", SQL: "sequel", "C++": "C plus plus", "New York City": "N Y C", "": "nothing" },
  ...{ Tomato: "/təˈmɑːtəʊ/", gif: " /dʒɪf/  jiff ", "and/or": "and or" },
}
const [all, none] = [() => true, () => false]
const written =
  ({ read }: ReturnType<typeof wordsOf>, takes: (ipa: string) => boolean) =>
  (text: string) => {
    const { sounds, text: spoken } = read(text, takes)
    return [spoken, Object.fromEntries(sounds)]
  }

describe("wordsOf", () => {
  it.each([
    ["Nginx and NGINX.", "engine x and engine x."],
    ["MySQL is SQL", "MySQL is sequel"],
    ["C++, C and c++!", "C plus plus, C and C plus plus!"],
    ["New York City, New York", "N Y C, New York"],
    ["this and/or that", "this and or that"],
    ["nothing here", "nothing here"],
  ])("%j is spelled anew for any engine", (text, spoken) => {
    for (const takes of [all, none]) expect(written(wordsOf(dictionary), takes)(text)).toEqual([spoken, {}])
  })

  it("hands on a word with its sounds to an engine that takes them", () => {
    const read = written(wordsOf(dictionary), all)
    expect(read("A TOMATO, a gif and SQL.")).toEqual([
      "A TOMATO, a gif and sequel.",
      { tomato: "təˈmɑːtəʊ", gif: "dʒɪf" },
    ])
    expect(read("tomatoes")).toEqual(["tomatoes", {}])
  })

  it("spells for an engine that takes none what has a spelling, and leaves and names the rest", () => {
    const words = wordsOf(dictionary)
    expect(written(words, none)("A tomato, a GIF.")).toEqual(["A tomato, a jiff.", {}])
    expect(words.unspoken(none)).toEqual(["tomato"])
    expect(words.unspoken(all)).toEqual([])
    expect(written(words, (ipa) => ipa === "dʒɪf")("tomato, gif")).toEqual(["tomato, gif", { gif: "dʒɪf" }])
  })
})

const withFile = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = `${yield* fs.makeTempDirectoryScoped()}/words.json`
  return { path, write: (text: string) => Effect.orDie(fs.writeFileString(path, text)) }
})

const over = (path: string) => Pronunciations.layer.pipe(Layer.provide(Settings.layerTest({ pronunciations: path })))

it.effect("a change of the file is heard a second later; one that cannot be read leaves what was", () =>
  Effect.gen(function* () {
    const { path, write } = yield* withFile
    yield* write('{"a":"first"}')
    const { read } = yield* Effect.provide(Pronunciations, yield* Layer.build(over(path)))
    const said = Effect.map(read("a b", { model: "any" }), ({ text }) => text)
    expect(yield* said).toBe("first b")
    yield* write('{"a":"the second"}')
    yield* TestClock.adjust("1 second")
    expect(yield* said).toBe("the second b")
    yield* write('{"a":')
    yield* TestClock.adjust("1 second")
    expect(yield* said).toBe("the second b")
    yield* write('{"b":"the last of them"}')
    yield* TestClock.adjust("1 second")
    expect(yield* said).toBe("a the last of them")
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.effect(
  "the log names the words whose sounds an engine does not take, once, and again when the file has changed",
  () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Warn") lines.push(String(message))
    })
    return Effect.gen(function* () {
      const { path, write } = yield* withFile
      yield* write('{"tomato":"/təˈmɑːtəʊ/","gif":"/dʒɪf/ jiff"}')
      const { check, read } = yield* Effect.provide(Pronunciations, yield* Layer.build(over(path)))
      yield* check({ model: "speller" })
      yield* check({ model: "speller" })
      yield* check({ model: "sayer", takesIpa: () => true })
      expect(lines.splice(0)).toEqual([
        expect.stringMatching(
          /^AVIARY_PRONUNCIATIONS: speller takes spellings only, no IPA, .* as they are written: tomato\./,
        ),
      ])
      yield* write('{"potato":"/pəˈtɑːtəʊ/"}')
      yield* TestClock.adjust("1 second")
      yield* read("potato", { model: "speller" })
      yield* read("potato", { model: "speller" })
      yield* check({ model: "half", takesIpa: () => false })
      expect(lines).toEqual([
        expect.stringContaining("as they are written: potato."),
        expect.stringContaining("half has not all the sounds of these words"),
      ])
    }).pipe(Effect.provide([NodeServices.layer, Logger.layer([logger])]))
  },
)

it.effect.each([
  ["is not there", undefined],
  ["is no JSON", "a=b"],
  ["holds something else", '{"a":1}'],
])("a file that %s stops the start, with what is wrong", ([, text]) =>
  Effect.gen(function* () {
    const { path, write } = yield* withFile
    if (text !== undefined) yield* write(text)
    const error = yield* Effect.flip(Layer.build(over(path)))
    expect(error._tag).toBe("SettingsError")
    expect(error.message).toMatch(/^AVIARY_PRONUNCIATIONS=".*" is not valid: the file cannot be used, /)
  }).pipe(Effect.provide(NodeServices.layer)),
)
