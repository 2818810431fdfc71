import { Effect } from "effect"
import { createServer } from "node:http"
import { existsSync } from "node:fs"
import { type Browser, chromium } from "playwright-core"

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
)

/** Without a browser its tests are skipped, except in CI, which installs one. */
export const skipsBrowser = executablePath === undefined && process.env["CI"] !== "true"

/**
 * A real browser, closed with the scope.
 *
 * @param names lead to loopback, as a page's own name does after DNS rebinding
 */
export const launchBrowser = (
  names: ReadonlyArray<string> = [],
): Effect.Effect<Browser, never, import("effect").Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() =>
      chromium.launch({
        executablePath: executablePath ?? "/usr/bin/chromium",
        args: [
          "--no-sandbox",
          "--disable-gpu",
          "--disable-quic",
          "--no-first-run",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
          "--autoplay-policy=no-user-gesture-required",
          `--host-resolver-rules=${names.map((name) => `MAP ${name} 127.0.0.1`).join(",")}`,
        ],
      }),
    ),
    (browser) => Effect.promise(() => browser.close()),
  )

/** A page of another origin, served on loopback for as long as the scope is open. */
export const strangersPage = Effect.acquireRelease(
  Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((_request, response) => {
      response.setHeader("content-type", "text/html")
      response.end("<!doctype html><title>A page</title>")
    })
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const close = () => {
        server.closeAllConnections()
        server.close()
      }
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close }))
    })
  }),
  ({ close }) => Effect.sync(close),
).pipe(Effect.map(({ url }) => url))
