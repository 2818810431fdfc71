import { HttpBody } from "effect/http"
import { randomUUID } from "node:crypto"

/**
 * A form of texts, as the bytes that are sent: FormData would be turned into them piece by piece, by a stream, for every call.
 * Line breaks are those of a form (HTML, 4.10.21.8).
 */
export const formBytes = (fields: Readonly<Record<string, string>>): HttpBody.Uint8Array => {
  const boundary = `form-${randomUUID()}`
  const parts = Object.entries(fields).map(
    ([name, value]) =>
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value.replaceAll(/\r\n?|\n/g, "\r\n")}\r\n`,
  )
  return HttpBody.uint8Array(
    Buffer.from(`${parts.join("")}--${boundary}--\r\n`),
    `multipart/form-data; boundary=${boundary}`,
  )
}
