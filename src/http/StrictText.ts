import { Effect } from "effect"
import type { HttpServerRequest } from "effect/http"
import { Errors } from "../contract/Errors.ts"

const utf8 = new TextDecoder("utf-8", { fatal: true })

/**
 * From now on the text of `request` has to be UTF-8. The framework puts U+FFFD in the place of bytes that are not, and a voice would
 * speak it. RFC 8259, 8.1: JSON is UTF-8. The error is a defect where the framework reads the text, and has its place in
 * the catalogue all the same.
 */
export const demandUtf8 = (request: HttpServerRequest.HttpServerRequest): void => {
  const decode = (bytes: ArrayBuffer) => {
    try {
      return Effect.succeed(utf8.decode(bytes))
    } catch {
      return Effect.die(Errors.invalidUtf8())
    }
  }
  // The request's own: an object with the request as its prototype is slow at everything. The bytes are prepared for when they are
  // wanted, since many requests have none.
  Object.defineProperty(request, "text", {
    value: Effect.flatMap(
      Effect.suspend(() => request.arrayBuffer),
      decode,
    ),
  })
}
