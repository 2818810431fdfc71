// The worked examples of docs/billing.md are these.
import { assert, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { price, type Rates } from "../../src/billing/RateCard.ts"
import type { Served, Usage } from "../../src/billing/Usage.ts"

const text = readFileSync(new URL("../../docs/billing.md", import.meta.url), "utf8")
const card = /: ([\d,]+) per million characters, ([\d,]+) per minute of audio, hits (\d+) %, followers (\d+) %/.exec(
  text,
)
const number = (written: string | undefined) => Number(written?.replaceAll(",", ""))

const rates: Rates = {
  speechPerMillionCharacters: number(card?.[1]),
  transcriptionPerMinute: number(card?.[2]),
  hitShare: number(card?.[3]) * 100,
  coalescedShare: number(card?.[4]) * 100,
}
const examples = [...text.matchAll(/^\| (\d+) (characters?|milliseconds) \| (\w+) \| (\d+) \|$/gm)]

it("the document has its examples", () => {
  assert.strictEqual(examples.length, 11)
})

for (const [, quantity, unit, served, micros] of examples) {
  it(`${quantity} ${unit}, ${served}: ${micros}`, () => {
    const usage: Usage =
      unit === "milliseconds"
        ? { kind: "transcription", model: "m", audioMillis: number(quantity) }
        : { kind: "speech", model: "m", characters: number(quantity) }
    assert.strictEqual(price(rates, usage, served as Served), number(micros))
  })
}
