import { Option } from "effect"
import type { HttpServerRequest } from "effect/http"
import { IncomingMessage } from "node:http"
import type { ApiError } from "../../contract/ApiError.ts"
import { Errors } from "../../contract/Errors.ts"

/** RFC 9110, 7.2 and RFC 3986, 3.2.2: a name or an address, and a port. As everywhere, one that is empty is none. */
const wellFormed = /^(\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(:\d{0,5})?$/i

/**
 * Why the `Host` of a request is refused (RFC 9112, 3.2): two servers on its way could each believe another one. Of two Node
 * shows the first, so the headers are looked at as they were sent.
 */
export const hostFault = (request: HttpServerRequest.HttpServerRequest): Option.Option<ApiError> => {
  const source: unknown = request.source
  if (!(source instanceof IncomingMessage)) return Option.none()
  const { rawHeaders } = source
  let hosts = 0
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    if (name.length === 4 && name.toLowerCase() === "host") hosts++
  }
  const { host } = source.headers
  const absent = host === undefined && source.httpVersion !== "1.0"
  return absent || hosts > 1 || (host !== undefined && !wellFormed.test(host))
    ? Option.some(Errors.invalidHost())
    : Option.none()
}
