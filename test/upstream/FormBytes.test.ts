import { expect, it } from "vitest"
import { formBytes } from "../../src/upstream/FormBytes.ts"

const fields = { text: '"Schöne Grüße",\r\nsagte\nsie\r: 你好 --form-', language: "de-DE", voice: "Mia" }

it("a form is read back as FormData would have sent it", async () => {
  const { body, contentLength, contentType } = formBytes(fields)
  expect(contentLength).toBe(body.length)
  const read = (body: Uint8Array<ArrayBuffer> | FormData, headers: Record<string, string> = {}) =>
    new Response(body, { headers }).formData()
  const sent = await read(new Uint8Array(body), { "content-type": contentType })
  const usual = new FormData()
  for (const [name, value] of Object.entries(fields)) usual.set(name, value)
  expect([...sent.entries()]).toEqual([...(await read(usual)).entries()])
})

it("no two forms have the same boundary, which a text could hold", () => {
  expect(formBytes(fields).contentType).not.toBe(formBytes(fields).contentType)
})
