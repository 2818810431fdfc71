import { Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Settings } from "../Settings.ts"
import { ConsoleFiles, type PageFile } from "./ConsoleFiles.ts"

/**
 * What the page may do: run its own scripts, talk to its own gateway, play what it was given. Nothing from elsewhere, nothing
 * inline, no frame around it, and no text that becomes markup (trusted types without a policy forbid it).
 */
const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "media-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ")

const mightBe = (header: string | undefined, word: string) => header?.toLowerCase().includes(word) === true

/** Asked for again each time, and answered with nothing while it is the same: a gateway that was upgraded has another page. */
const answer = (file: PageFile, { headers }: HttpServerRequest.HttpServerRequest) => {
  const zipped = mightBe(headers["accept-encoding"], "gzip")
  const etag = `"${file.etag}${zipped ? "-z" : ""}"`
  const said = {
    "cache-control": "no-cache",
    "content-security-policy": pagePolicy,
    vary: "accept-encoding",
    etag,
  }
  if (headers["if-none-match"]?.includes(etag) === true) {
    return HttpServerResponse.empty({ status: 304, headers: said })
  }
  return HttpServerResponse.uint8Array(zipped ? file.gzip : file.plain, {
    contentType: file.contentType,
    headers: zipped ? { ...said, "content-encoding": "gzip" } : said,
  })
}

/** Where the page of the contract is; whoever asks `/` for something else than a page is led there. */
const toDocs = HttpServerResponse.redirect("/docs", { status: 303, headers: { vary: "accept" } })

const files = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const { get } = yield* ConsoleFiles
    yield* router.add("GET", "/", (request) => {
      const page = mightBe(request.headers["accept"], "text/html") ? get("index.html") : undefined
      return Effect.succeed(page === undefined ? toDocs : answer(page, request))
    })
    yield* router.add("GET", "/console/:file", (request) =>
      Effect.map(HttpRouter.params, ({ file = "" }) =>
        Option.match(Option.fromUndefinedOr(get(file)), {
          onNone: () => HttpServerResponse.empty({ status: 404 }),
          onSome: (found) => answer(found, request),
        }),
      ),
    )
  }),
)

/** `GET /`: the console for a browser, unless `AVIARY_CONSOLE` is `off`; and `GET /console/…`, what the page is made of. */
export const layer = Layer.unwrap(
  Effect.map(Settings, ({ console }) =>
    console === "off" ? HttpRouter.add("GET", "/", toDocs) : Layer.provide(files, ConsoleFiles.layer),
  ),
)
