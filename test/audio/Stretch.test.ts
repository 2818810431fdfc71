import { describe, expect, it } from "vitest"
import { makeStretch } from "../../src/audio/Stretch.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { pitchAt, pitchChange } from "../support/pitch.ts"
import { samplesOf } from "../support/recordings.ts"

const rate = 16_000
const human = samplesOf(humanSpeech[0].recording)

/** A hum of so many Hz, with overtones as a voice has them. */
const hum = (hertz: number) =>
  Int16Array.from({ length: rate * 2 }, (_, at) => {
    const phase = (2 * Math.PI * hertz * at) / rate
    return Math.round([1, 2, 3, 4, 5].reduce((sum, tone) => sum + (4_000 / tone) * Math.sin(tone * phase), 0))
  })

const stretch = async (samples: Int16Array, speed: number, size = 1_600) => {
  const { close, flush, process } = await makeStretch(rate, speed)
  const made: Array<Int16Array> = []
  for (let at = 0; at < samples.length; at += size) made.push(process(samples.subarray(at, at + size)))
  made.push(flush())
  close()
  return Int16Array.from(made.flatMap((part) => Array.from(part)))
}

const level = (samples: Int16Array, part: number) => {
  const width = Math.floor(samples.length / 12)
  return Math.hypot(...samples.subarray(part * width, (part + 1) * width)) / Math.sqrt(width)
}

describe.each([0.25, 0.5, 0.8, 1.25, 1.5, 2, 3, 4])("at speed %d", (speed) => {
  it("speech is as long as asked, to within 1 %, and each part of it comes in its turn", async () => {
    const made = await stretch(human, speed)
    expect(Math.abs((made.length * speed) / human.length - 1)).toBeLessThan(0.01)
    // Loud and quiet parts are where they were.
    for (let part = 0; part < 12; part++) {
      expect(level(made, part), `part ${part}`).toBeGreaterThan(level(human, part) * 0.5 - 60)
      expect(level(made, part), `part ${part}`).toBeLessThan(level(human, part) * 2 + 60)
    }
  })

  it("the pitch stays, to within 2 %", async () => {
    for (const hertz of [95, 140, 220]) {
      const made = await stretch(hum(hertz), speed)
      for (const where of [0.2, 0.5, 0.8]) {
        expect(Math.abs(pitchAt(made, rate, where)! / hertz - 1), `${hertz} Hz`).toBeLessThan(0.02)
      }
    }
    expect(Math.abs(pitchChange(human, await stretch(human, speed), rate) - 1)).toBeLessThan(0.02)
  })

  it("the same samples come however the input is cut", async () => {
    const whole = await stretch(human, speed, human.length)
    expect(await stretch(human, speed, 333)).toEqual(whole)
  })
})

it("at speed 1 nothing is touched", async () => {
  const { flush, process } = await makeStretch(rate, 1)
  expect(process(human)).toEqual(human)
  expect(flush().length).toBe(0)
})
