import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Settings } from "../../src/Settings.ts"
import { Pronunciations, respellerOf } from "../../src/speech/Pronunciations.ts"

const dictionary = { nginx: "engine x", SQL: "sequel", "C++": "C plus plus", "New York City": "N Y C", "": "nothing" }

describe("respellerOf", () => {
  it.each([
    ["Nginx and NGINX.", "engine x and engine x."],
    ["MySQL is SQL", "MySQL is sequel"],
    ["C++, C and c++!", "C plus plus, C and C plus plus!"],
    ["New York City, New York", "N Y C, New York"],
    ["nothing here", "nothing here"],
  ])("%j", (text, spoken) => expect(respellerOf(dictionary)(text)).toBe(spoken))
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
    const { current } = yield* Effect.provide(Pronunciations, yield* Layer.build(over(path)))
    const said = Effect.map(current, (respell) => respell("a b"))
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
