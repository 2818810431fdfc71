import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { Errors } from "../contract/Errors.ts"

const utf8 = new TextDecoder("utf-8", { fatal: true })

/**
 * `request` whose text has to be UTF-8. The framework puts U+FFFD in the place of bytes that are not, and a voice would
 * speak it. RFC 8259, 8.1: JSON is UTF-8. The error is a defect where the framework reads the text, and has its place in
 * the catalogue all the same.
 */
export const withStrictText = (request: HttpServerRequest.HttpServerRequest): HttpServerRequest.HttpServerRequest => {
  const text = Effect.flatMap(request.arrayBuffer, (bytes) =>
    Effect.suspend(() => {
      try {
        return Effect.succeed(utf8.decode(bytes))
      } catch {
        return Effect.die(Errors.invalidUtf8())
      }
    }),
  )
  return Object.create(request, { text: { value: text } })
}
