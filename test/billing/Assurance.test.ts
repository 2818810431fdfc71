import { describe, expect, it } from "vitest"
import { makeAssurance } from "../../src/billing/Assurance.ts"
import type { Hold } from "../../src/billing/Hold.ts"

const payer = { accountId: "a", keyId: "k", idempotency: null }
const speech = (characters: number) => ({ kind: "speech", model: "magpie", characters }) as const

/** A hold for ten characters. */
const left = (more: number | null | undefined, over: Partial<Hold> = {}): Hold => ({
  ...{ id: "h", claim: "h", accountId: "a", keyId: "k", usage: speech(10), amount: 10, rateVersion: 1 },
  ...{ state: "held", reason: null, createdAt: 1, expiresAt: 2, replayed: false, outcome: null },
  ...(more !== undefined && { more }),
  ...over,
})

describe("who is sure to have a hold", () => {
  it.each([
    ["nobody of whom nothing is known", undefined, 10, false],
    ["who has no limit", null, 4_096, true],
    ["who has money for a hundred more", 100, 10, true],
    ["nobody who has less", 99, 10, false],
    ["nobody who has money for a hundred short ones and asks for a long one", 100, 11, false],
  ])("%s", (_, more, characters, sure) => {
    const assurance = makeAssurance()
    assurance.learn(left(more))
    expect(assurance.isSure(payer, speech(characters))).toBe(sure)
  })

  it("nobody who may have paid already", () => {
    const assurance = makeAssurance()
    assurance.learn(left(null))
    expect(assurance.isSure({ ...payer, idempotency: { key: "i", fingerprint: "f" } }, speech(1))).toBe(false)
  })

  it("nobody who was refused since, until the next hold", () => {
    const assurance = makeAssurance()
    assurance.learn(left(null))
    assurance.doubt(payer)
    expect(assurance.isSure(payer, speech(1))).toBe(false)
    assurance.learn(left(null))
    expect(assurance.isSure(payer, speech(1))).toBe(true)
  })

  it("each key for itself, which may have a limit of its own, and who has none by the account", () => {
    const assurance = makeAssurance()
    assurance.learn(left(null))
    expect(assurance.isSure({ ...payer, keyId: "other" }, speech(1))).toBe(false)
    expect(assurance.isSure({ ...payer, keyId: null }, speech(1))).toBe(false)
    assurance.learn(left(null, { keyId: null }))
    expect(assurance.isSure({ ...payer, keyId: null }, speech(1))).toBe(true)
  })

  it("nobody for speech who was told of transcriptions: a millisecond has another price", () => {
    const assurance = makeAssurance()
    assurance.learn(left(null, { usage: { kind: "transcription", model: "parakeet", audioMillis: 1_000 } }))
    expect(assurance.isSure(payer, speech(1))).toBe(false)
  })

  it("nobody for a transcription", () => {
    const assurance = makeAssurance()
    const recording = { kind: "transcription", model: "parakeet", audioMillis: 1_000 } as const
    assurance.learn(left(null))
    assurance.learn(left(null, { usage: recording }))
    expect(assurance.isSure(payer, recording)).toBe(false)
  })

  it("nobody of whom four requests have begun and have no answer", () => {
    const assurance = makeAssurance()
    assurance.learn(left(null))
    const answered = Array.from({ length: 4 }, () => {
      expect(assurance.isSure(payer, speech(1))).toBe(true)
      return assurance.begin(payer)
    })
    expect(assurance.isSure(payer, speech(1))).toBe(false)
    // What is learnt meanwhile of another changes nothing in that.
    assurance.learn(left(null))
    expect(assurance.isSure(payer, speech(1))).toBe(false)
    answered[0]!()
    expect(assurance.isSure(payer, speech(1))).toBe(true)
  })

  it("of ten thousand payers at a time", () => {
    const assurance = makeAssurance()
    for (let index = 0; index <= 10_000; index++) assurance.learn(left(null, { keyId: `k${index}` }))
    const sure = (index: number) => assurance.isSure({ ...payer, keyId: `k${index}` }, speech(1))
    expect([sure(0), sure(1), sure(10_000)]).toEqual([false, true, true])
  })
})
