import { expect, it } from "vitest"
import { giveBack } from "../../src/audio/Pcm.ts"

const sampleRate = 8_000
const bufferOf = (samples: Int16Array) => samples.buffer as ArrayBuffer

it("memory that is a stream's own is given back, and nothing else is", () => {
  const [own, other] = [new Int16Array(100), new Int16Array(100)]
  giveBack({ sampleRate, samples: own.subarray(10, 20), own: true })
  giveBack({ sampleRate, samples: other })
  expect(bufferOf(own).detached).toBe(true)
  expect(other.length).toBe(100)
})

it("the memory that Node makes small buffers of stays, whoever calls it his own", () => {
  const [first, second] = [Buffer.from("first one"), Buffer.from("second")]
  const { buffer } = first
  expect(second.buffer).toBe(buffer)
  giveBack({ sampleRate, samples: new Int16Array(buffer, first.byteOffset, 4), own: true })
  expect(second.toString()).toBe("second")
})
