import { Effect } from "effect"
import { existsSync } from "node:fs"
import { type Browser, chromium } from "playwright-core"
import { loopbackServer } from "./loopback.ts"

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
export const strangersPage = loopbackServer((_request, response) => {
  response.setHeader("content-type", "text/html")
  response.end("<!doctype html><title>A page</title>")
}).pipe(Effect.map(({ url }) => url.origin))
