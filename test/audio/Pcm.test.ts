import { expect, it } from "vitest"
import { giveBack } from "../../src/audio/Pcm.ts"

it("memory in which samples came is given back", () => {
  const memory = new ArrayBuffer(100)
  giveBack(memory)
  expect(memory.detached).toBe(true)
  giveBack(undefined)
})

it("the memory that Node makes small buffers of stays, whoever calls it his own", () => {
  const [first, second] = [Buffer.from("first one"), Buffer.from("second")]
  expect(second.buffer).toBe(first.buffer)
  giveBack(first.buffer)
  expect(second.toString()).toBe("second")
})
