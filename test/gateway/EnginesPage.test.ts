/**
 * Whoever has an engine copies its example from docs/engines.md. So each of them, but for the address, is what a gateway is started
 * with here, in front of what it is about; and it speaks and hears.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { anonymous } from "../../src/billing/Account.ts"
import { Accounts } from "../../src/billing/Accounts.ts"
import { table } from "../../src/Settings.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { jsonOnlyParakeet } from "../support/jsonOnlyParakeet.ts"
import { transcribe, wavOf } from "../support/listeningNim.ts"
import { nemoSpeech } from "../support/nemoSpeech.ts"
import { NimTest } from "../support/nim.ts"
import { heardText } from "../support/openAiServers.ts"
import { speaches } from "../support/speaches.ts"

const page = readFileSync(new URL("../../docs/engines.md", import.meta.url), "utf8")

/** The settings of the first example under a heading that name an engine, with its servers at `url`. */
const exampleOf = (heading: string, url: URL) => {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? ""
  const lines = Array.from(/```sh\n([\s\S]*?)```/.exec(section)?.[1]?.matchAll(/^(AVIARY_\w+)=(.*)$/gm) ?? [])
  const keys = new Map(Object.entries(table).map(([key, { name }]) => [name, key]))
  return Object.fromEntries(
    lines.map(([, name, value]) => [keys.get(name!)!, /^https?:/.test(value!) ? url.href : value!]),
  )
}

/** Seconds of speech that the gateway at `url` makes, and what it hears. */
const seen = Effect.fnUntraced(function* (url: string, settings: Record<string, string>) {
  const response = yield* postSpeech(url, { response_format: "pcm" })
  const bytes = yield* Effect.promise(() => response.arrayBuffer())
  const speaks = "magpieUrl" in settings ? [response.status, bytes.byteLength > 24_000] : []
  const hears = "parakeetUrl" in settings ? [(yield* transcribe(url, wavOf(2_000))).body.text] : []
  return [...speaks, ...hears]
})

/** `key` in the place of the example's own, where that stands for one of another gateway's. */
const started = Effect.fnUntraced(function* (heading: string, server: { readonly url: URL }, key = "") {
  const example = Object.entries(exampleOf(heading, server.url))
  const settings = Object.fromEntries(example.map(([name, value]) => [name, value.replace(/^sk-aviary-.*/, key)]))
  const { url } = yield* startAviary(undefined, { embeddedRecognizer: "tiny", ...settings })
  return yield* seen(url, settings)
})

layer(NodeServices.layer, { excludeTestServices: true, timeout: "2 minutes" })("EnginesPage", (it) => {
  it.effect("the example for NeMo-Speech.cpp speaks and hears", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech({ key: "the-key-it-was-started-with" })
      expect(yield* started("NeMo-Speech.cpp", server)).toEqual([200, true, heardText])
    }),
  )

  it.effect("the example for a NIM speaks and hears", () =>
    Effect.gen(function* () {
      const nim = yield* Effect.provide(NimTest, yield* Layer.build(NimTest.layer))
      expect(yield* started("A NIM", nim)).toEqual([200, true, "heard 2000 milliseconds"])
    }),
  )

  it.effect("the example for speaches speaks and hears", () =>
    Effect.gen(function* () {
      expect(yield* started("speaches", yield* speaches())).toEqual([200, true, heardText])
    }),
  )

  it.effect("the example for a small Parakeet server hears", () =>
    Effect.gen(function* () {
      expect(yield* started("A small Parakeet server", yield* jsonOnlyParakeet())).toEqual([heardText])
    }),
  )

  it.effect("the example for another Aviary speaks and hears", () =>
    Effect.gen(function* () {
      const inner = yield* startAviary(yield* nemoSpeech(), { access: "keys" })
      const { createKey } = Context.get(inner.services, Accounts)
      const key = Redacted.value((yield* createKey({ accountId: anonymous, name: "Outer" })).text)
      expect(yield* started("Another Aviary", { url: new URL(inner.url) }, key)).toEqual([200, true, heardText])
    }),
  )
})
