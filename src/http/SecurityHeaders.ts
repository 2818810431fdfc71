import { type Headers, HttpServerResponse } from "effect/http"

/** For whatever a browser shows or embeds: nothing is sniffed, framed, loaded, or told where it came from. */
const headers = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
} satisfies Headers.Input

/** `response` with them and with `more`; a page says itself what it may load. */
export const secured = (
  response: HttpServerResponse.HttpServerResponse,
  more: Readonly<Record<string, string>>,
): HttpServerResponse.HttpServerResponse => {
  const own = response.headers["content-security-policy"]
  return HttpServerResponse.setHeaders(response, {
    ...headers,
    ...(own === undefined ? {} : { "content-security-policy": own }),
    ...more,
  })
}
