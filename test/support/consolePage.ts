import axe from "axe-core"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { Effect } from "effect"

/** Where pictures of pages are left for whoever wants to look at them. */
const pictures = join(import.meta.dirname, "..", "..", "artifacts", "console")

export const widths = {
  desktop: { viewport: { width: 1280, height: 900 }, colorScheme: "light" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "dark", hasTouch: true },
} as const satisfies Record<string, BrowserContextOptions>

/** What a page must not do: complain, fail, or ask anybody but its gateway. */
export interface Watched {
  readonly page: Page
  readonly faults: ReadonlyArray<string>
}

/** A page of the console in a window of its own, closed with the scope. */
export const openConsole = Effect.fnUntraced(function* (
  browser: Browser,
  url: string,
  options: BrowserContextOptions = widths.desktop,
) {
  const context = yield* Effect.acquireRelease(
    Effect.promise(() => browser.newContext(options)),
    (context) => Effect.promise(() => context.close()),
  )
  const page = yield* Effect.promise(() => context.newPage())
  const faults: Array<string> = []
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`${message.text()} (${message.location().url})`)
  })
  page.on("pageerror", (error) => faults.push(error.message))
  page.on("dialog", (dialog) => {
    faults.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on("request", (request) => {
    if (![`${url}/`, `blob:${url}/`, "data:"].some((own) => request.url().startsWith(own))) {
      faults.push(`asked ${request.url()}`)
    }
  })
  yield* Effect.promise(() => page.goto(`${url}/`))
  return { page, faults } satisfies Watched
})

export const signIn = async (page: Page, token: string): Promise<void> => {
  await page.locator("input[name=token]").fill(token)
  await page.getByRole("button", { name: "Sign in" }).click()
}

export const goTo = (page: Page, name: string) => page.getByRole("link", { name, exact: true }).click()

/** What axe finds that keeps somebody from using the page, in words. */
export const seriousFindings = async (page: Page): Promise<ReadonlyArray<string>> => {
  // The page is one document, whatever it shows.
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(axe.source)
  const found = await page.evaluate(async () => {
    const { run } = (globalThis as unknown as { readonly axe: { readonly run: typeof axe.run } }).axe
    const { violations } = await run({ resultTypes: ["violations"] })
    return violations.map(({ help, id, impact, nodes }) => ({ help, id, impact, first: nodes[0]?.html }))
  })
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ first, help, id }) => `${id}: ${help}: ${first}`)
}

export const picture = async (page: Page, name: string): Promise<void> => {
  mkdirSync(pictures, { recursive: true })
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true })
}
