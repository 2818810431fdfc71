import { HttpBody } from "effect/http"
import { randomUUID } from "node:crypto"

/**
 * The parts of a form as they are sent, around a boundary of its own. Line breaks of texts are those of a form (HTML, 4.10.21.8). Names are ours: none has
 * anything to escape.
 *
 * - `text`: a whole part
 * - `file`: the head of one, whose bytes and a line break follow
 */
export const formParts = () => {
  const boundary = `form-${randomUUID()}`
  const head = (name: string, more = "") =>
    `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${more}\r\n\r\n`
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    text: (name: string, value: string) => `${head(name)}${value.replaceAll(/\r\n?|\n/g, "\r\n")}\r\n`,
    file: (name: string, fileName: string, type: string) =>
      head(name, `; filename="${fileName}"\r\ncontent-type: ${type}`),
    end: `--${boundary}--\r\n`,
  }
}

/** A form of texts, as the bytes that are sent: FormData would be turned into them piece by piece, by a stream, for every call. */
export const formBytes = (fields: Readonly<Record<string, string>>): HttpBody.Uint8Array => {
  const { contentType, end, text } = formParts()
  const parts = Object.entries(fields).map(([name, value]) => text(name, value))
  return HttpBody.uint8Array(Buffer.from(`${parts.join("")}${end}`), contentType)
}
