import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiSwagger } from "effect/http-api"
import { createHash } from "node:crypto"
import { Api } from "../../contract/Api.ts"

const path = "/docs"

/**
 * Swagger UI shows audio in a player that fetches the URL again, by GET, which is no speech. This plays what came.
 * `window.ui` is built by the call that the page makes of `SwaggerUIBundle`.
 */
const playsWhatCame = `
    const PlaysWhatCame = ({ React }) => ({
      wrapComponents: {
        responseBody: (Original) => (props) => {
          const isAudio = /^audio\\//i.test(props.contentType) && props.content instanceof Blob;
          const url = React.useMemo(() => (isAudio ? URL.createObjectURL(props.content) : undefined), [props.content]);
          return isAudio
            ? React.createElement("audio", { controls: true, src: url })
            : React.createElement(Original, props);
        },
      },
    });
`

const withPlayer = (page: string): string =>
  page
    // Browsers ask for an icon, and would show the 404.
    .replace("<title>", '<link rel="icon" href="data:," /><title>')
    .replace("window.onload = () => {", () => `${playsWhatCame}\n    window.onload = () => {`)
    .replace(`dom_id: "#swagger-ui",`, () => `dom_id: "#swagger-ui",\n        plugins: [PlaysWhatCame],`)

/** The one script of the page that runs, by its hash: nothing that got into the page from elsewhere would. */
const policyOf = (page: string): string => {
  const scripts = [...page.matchAll(/<script>([^]*?)<\/script>/g)].map(
    ([, script]) => `'sha256-${createHash("sha256").update(script!).digest("base64")}'`,
  )
  return [
    "default-src 'none'",
    `script-src ${scripts.join(" ")}`,
    "style-src 'unsafe-inline'",
    "img-src 'self' data:",
    "media-src blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ")
}

/**
 * `GET /docs`: Swagger's page of the contract, which is whole in itself; Scalar's fetches fonts and reports its use. It is
 * made for the first who looks: it takes 10 MB, and most gateways are never looked at.
 */
export const layer = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const made = yield* Effect.cached(
      Effect.gen(function* () {
        const only = yield* HttpRouter.make
        yield* Layer.build(
          Layer.provide(HttpApiSwagger.layer(Api, { path }), Layer.succeed(HttpRouter.HttpRouter, only)),
        )
        const { body } = yield* only.asHttpEffect()
        const page = withPlayer(body._tag === "Uint8Array" ? new TextDecoder().decode(body.body) : "")
        return HttpServerResponse.text(page, {
          contentType: "text/html; charset=utf-8",
          headers: { "content-security-policy": policyOf(page) },
        })
      }).pipe(Effect.scoped),
    )
    yield* router.add("GET", path, Effect.orDie(made))
  }),
)
