import { describe, expect, it } from "vitest"
import { makeAssurance } from "../../src/billing/Assurance.ts"
import type { Hold } from "../../src/billing/Hold.ts"

const payer = { accountId: "a", keyId: "k", idempotency: null }
const speech = (characters: number) => ({ kind: "speech", model: "magpie", characters }) as const

/** A hold for ten characters at one micro-unit each. */
const left = (room: number | null | undefined, over: Partial<Hold> = {}): Hold => ({
  ...{ id: "h", claim: "h", accountId: "a", keyId: "k", usage: speech(10), amount: 10, rateVersion: 1 },
  ...{ state: "held", reason: null, createdAt: 1, expiresAt: 2, replayed: false, outcome: null },
  ...(room !== undefined && { room }),
  ...over,
})

describe("who is sure to have a hold", () => {
  it.each([
    ["nobody of whom nothing is known", undefined, 10, false],
    ["who has no limit", null, 4_096, true],
    ["who has money for a hundred more", 1_000, 10, true],
    ["nobody who has less", 999, 10, false],
    ["nobody who has money for a hundred short ones and asks for a long one", 1_000, 11, false],
  ])("%s", (_, room, characters, sure) => {
    const assurance = makeAssurance()
    assurance.learn(left(room))
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

  it("of ten thousand payers at a time", () => {
    const assurance = makeAssurance()
    for (let index = 0; index <= 10_000; index++) assurance.learn(left(null, { keyId: `k${index}` }))
    const sure = (index: number) => assurance.isSure({ ...payer, keyId: `k${index}` }, speech(1))
    expect([sure(0), sure(1), sure(10_000)]).toEqual([false, true, true])
  })
})
