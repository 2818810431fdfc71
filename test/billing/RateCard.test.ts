import { assert, describe, it } from "@effect/vitest"
import { price, type Rates } from "../../src/billing/RateCard.ts"
import type { Usage } from "../../src/billing/Usage.ts"

const rates: Rates = {
  speechPerMillionCharacters: 15_000_000,
  transcriptionPerMinute: 6_000,
  hitShare: 10_000,
  coalescedShare: 10_000,
}
const speech = (characters: number): Usage => ({ kind: "speech", model: "m", characters })
const audio = (audioMillis: number): Usage => ({ kind: "transcription", model: "m", audioMillis })

describe("RateCard", () => {
  it("charges text by the code point", () => {
    assert.strictEqual(price(rates, speech(0), "MISS"), 0)
    assert.strictEqual(price(rates, speech(1), "MISS"), 15)
    assert.strictEqual(price(rates, speech(1_000_000), "MISS"), 15_000_000)
  })

  it("charges audio by the begun second", () => {
    assert.strictEqual(price(rates, audio(60_000), "MISS"), 6_000)
    assert.strictEqual(price(rates, audio(1), "MISS"), 100)
    assert.strictEqual(price(rates, audio(1_000), "MISS"), 100)
    assert.strictEqual(price(rates, audio(1_001), "MISS"), 200)
  })

  it("rounds a fraction of a micro-unit up, once per request", () => {
    const third = { ...rates, speechPerMillionCharacters: 333_333 }
    assert.strictEqual(price(third, speech(1), "MISS"), 1)
    // 0.999999. Rounding each character would make 3.
    assert.strictEqual(price(third, speech(3), "MISS"), 1)
    // 1 × 1.2 × 0.8 = 0.96. Rounding the full price first would make 2 × 0.8 = 1.6, so 2.
    assert.strictEqual(price({ ...rates, speechPerMillionCharacters: 1_200_000, hitShare: 8_000 }, speech(1), "HIT"), 1)
  })

  it("takes the share that the way of serving asks for", () => {
    const shared = { ...rates, hitShare: 2_500, coalescedShare: 0 }
    assert.strictEqual(price(shared, speech(1_000), "MISS"), 15_000)
    assert.strictEqual(price(shared, speech(1_000), "BYPASS"), 15_000)
    assert.strictEqual(price(shared, speech(1_000), "HIT"), 3_750)
    assert.strictEqual(price(shared, speech(1_000), "COALESCED"), 0)
  })

  it("stays exact where the product passes 2^53, up to the bounds of usage and rates", () => {
    const dear = { ...rates, speechPerMillionCharacters: 9_999_999_999, transcriptionPerMinute: 9_999_999_999 }
    // 14,400 × 9,999,999,999 × 10,000 / 600,000, computed by hand: 2,399,999,999,760.
    assert.strictEqual(price(dear, audio(4 * 60 * 60 * 1000), "MISS"), 2_399_999_999_760)
    assert.isTrue(Number.isSafeInteger(price(dear, speech(1_000_000_000), "MISS")))
    assert.isTrue(Number.isSafeInteger(price(dear, audio(10_000_000_000), "MISS")))
  })
})
