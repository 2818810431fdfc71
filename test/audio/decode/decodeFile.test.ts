import { mkdtempSync, statSync, writeFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, expect, it } from "vitest"
import { decodeFile } from "../../../src/audio/decode/decodeFile.ts"
import { wavHeader } from "../../../src/audio/WavHeader.ts"

const folder = mkdtempSync(join(tmpdir(), "aviary-decode-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = (name: string, bytes: Uint8Array) => {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}
const seconds = 60
const input = file("in.wav", Buffer.concat([wavHeader(16_000), Buffer.alloc(seconds * 32_000)]))

it("stops between two pieces once it is aborted", async () => {
  const output = file("out.wav", new Uint8Array(0))
  const left = new AbortController()
  const decoding = decodeFile({ input, output, maxSeconds: 100 }, left.signal)
  left.abort()
  await expect(decoding).rejects.toThrow(/aborted/)
  expect(statSync(output).size).toBeLessThan(200_000)
})

it("says of a file without a byte that it is empty, and not that its format is unknown", async () => {
  const asked = {
    input: file("empty.wav", new Uint8Array(0)),
    output: file("none.wav", new Uint8Array(0)),
    maxSeconds: 1,
  }
  await expect(decodeFile(asked, new AbortController().signal)).rejects.toMatchObject({
    reason: { _tag: "Undecodable", message: expect.stringMatching(/^The file is empty\. Accepted are /) },
  })
})

it("does not bring back an output that was removed", async () => {
  const output = join(folder, "removed.wav")
  const { signal } = new AbortController()
  await expect(decodeFile({ input, output, maxSeconds: 100 }, signal)).rejects.toMatchObject({
    reason: { _tag: "SpoolFailed" },
  })
  expect(() => statSync(output)).toThrow(/ENOENT/)
})

it("refuses a WAV that has more than may be decoded before it decodes any of it, and decodes one that only says so", async () => {
  const output = file("long.wav", new Uint8Array(0))
  const { signal } = new AbortController()
  await expect(decodeFile({ input, output, maxSeconds: seconds - 1 }, signal)).rejects.toMatchObject({
    reason: { _tag: "TooLong" },
  })
  expect(statSync(output).size).toBe(0)

  const cutOff = file("cut.wav", Buffer.concat([wavHeader(16_000, seconds * 32_000), Buffer.alloc(32_000)]))
  await decodeFile({ input: cutOff, output, maxSeconds: 1 }, signal)
  expect(statSync(output).size).toBe(44 + 32_000)
  await decodeFile({ input, output, maxSeconds: seconds }, signal)
})
