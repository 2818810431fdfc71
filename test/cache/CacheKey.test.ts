import { describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { CacheKey, cacheKey, type CacheKeyParts } from "../../src/cache/CacheKey.ts"
import { makeDice } from "../support/dice.ts"

const parts: CacheKeyParts = {
  text: "Hello there.",
  voice: "Magpie-Multilingual.EN-US.Mia",
  language: "en-US",
  format: "mp3",
  sampleRate: 24_000,
  speed: 1,
  model: "magpie-tts-multilingual",
}

const others: { readonly [K in keyof CacheKeyParts]: ReadonlyArray<CacheKeyParts[K]> } = {
  text: ["Hello there", "hello there.", "Hello there. ", "", "Hello\u0000there."],
  voice: ["Magpie-Multilingual.EN-US.Mia.Angry", "magpie-multilingual.en-us.mia", ""],
  language: ["en-GB", "en", ""],
  format: ["wav", "pcm"],
  sampleRate: [22_050, 2_400],
  speed: [1.5, 0.25, 1.0000001],
  model: ["magpie-tts-multilingual-2", "flite", ""],
  sounds: [new Map([["hello", "həˈloʊ"]]), new Map([["hello", "hɛˈloʊ"]]), new Map([["there", "həˈloʊ"]])],
}

describe("cacheKey", () => {
  it("stays the same between releases, or `keyVersion` is raised", () => {
    expect(cacheKey(parts)).toBe("5ddbf9abcae120db0e7f55b86ec2587be49a91f1b52f250b56eee2406350413f")
  })

  it("changes with every single part", () => {
    const keys = new Set([cacheKey(parts)])
    let count = 1
    for (const [name, values] of Object.entries(others)) {
      for (const value of values) {
        keys.add(cacheKey({ ...parts, [name]: value }))
        count += 1
      }
    }
    expect(keys.size).toBe(count)
  })

  it("without sounds of words is as it was before there were any, and does not care for their order", () => {
    expect(cacheKey({ ...parts, sounds: new Map() })).toBe(cacheKey(parts))
    const sounds = [
      ...new Map([
        ["hello", "həˈloʊ"],
        ["there", "ðɛɹ"],
      ]),
    ] as const
    expect(cacheKey({ ...parts, sounds: new Map(sounds.toReversed()) })).toBe(
      cacheKey({ ...parts, sounds: new Map(sounds) }),
    )
  })

  it("does not care in which order the parts were written down", () => {
    const reversed = Object.fromEntries(Object.entries(parts).toReversed()) as unknown as CacheKeyParts
    expect(cacheKey(reversed)).toBe(cacheKey(parts))
    expect(cacheKey({ ...parts, speed: 1.0 })).toBe(cacheKey({ ...parts, speed: Number("1.000") }))
  })

  it("cannot be tricked by moving characters over the border between two parts", () => {
    const dice = makeDice(1)
    const alphabet = ["a", "\u0000", "\u0001", "é", "😀", "\n", "1"]
    for (let i = 0; i < 5_000; i++) {
      const run = Array.from({ length: 2 + dice.below(8) }, () => dice.pick(alphabet))
      const cut = dice.below(run.length)
      const moved = (cut + 1 + dice.below(run.length - 1)) % run.length
      const at = (border: number) => ({
        ...parts,
        text: run.slice(0, border).join(""),
        voice: run.slice(border).join(""),
      })
      const [one, two] = [at(cut), at(moved)]
      if (one.text !== two.text) expect(cacheKey(one)).not.toBe(cacheKey(two))
    }
  })

  it("is the only thing that passes for a key", () => {
    const is = Schema.is(CacheKey)
    expect(is(cacheKey(parts))).toBe(true)
    for (const bad of [
      "",
      "../etc/passwd",
      "0".repeat(63),
      "0".repeat(65),
      "A".repeat(64),
      `${"0".repeat(63)}/`,
      `${"0".repeat(64)}\n`,
    ]) {
      expect(is(bad)).toBe(false)
    }
  })
})
