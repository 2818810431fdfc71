/**
 * Whoever opens the console for the first time types what nobody meant, clicks twice, comes without TLS and leaves the page open
 * while the gateway goes away. What is shown then has to be true, and has to say what to do: an operator who takes an old state for
 * a new one, or believes to have signed out, is worse off than one without a page.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { Browser, Locator, Page } from "playwright-core"
import { startAviary } from "../support/aviary.ts"
import { brittlePort } from "../support/brittlePort.ts"
import { launchBrowser, skipsBrowser } from "../support/browser.ts"
import { goTo, openConsole, signIn } from "../support/consolePage.ts"
import { startListeningNim } from "../support/listeningNim.ts"

const withoutTls = "gateway.lan"

class Chromium extends Context.Service<Chromium, Browser>()("aviary/test/ConsoleTells/Chromium") {
  static readonly layer = Layer.effect(Chromium, launchBrowser([withoutTls]))
}

const adminToken = "an-admin-token-of-a-test"

/** A gateway that asks for keys, with an account `Home`, and the console in front of its operator. */
const opened = Effect.fnUntraced(function* (settings: Parameters<typeof startAviary>[1] = {}) {
  const browser = yield* Chromium
  const { url } = yield* startAviary(yield* startListeningNim(), { adminToken, access: "keys", ...settings })
  const post = <A>(path: string, body: unknown, method = "POST") =>
    Effect.promise(async () => {
      const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" }
      return (await (await fetch(url + path, { method, headers, body: JSON.stringify(body) })).json()) as A
    })
  const terms = { kind: "metered", monthlyCap: null }
  const { id } = yield* post<{ id: string }>("/admin/accounts", { name: "Home", terms })
  const { key, text } = yield* post<{ key: { id: string }; text: string }>("/admin/keys", {
    accountId: id,
    name: "One",
  })
  const port = yield* brittlePort(new URL(url))
  const { faults, page } = yield* openConsole(browser, port.url.origin)
  return { faults, key: { id: key.id, text }, page, port, post, url }
})

const openMoney = async (page: Page, part?: string) => {
  await signIn(page, adminToken)
  await goTo(page, "Money")
  if (part !== undefined) await page.getByRole("button", { name: part, exact: true }).click()
}

/** Waits until `text` is said in `within`. */
const said = (within: Page | Locator, text: string | RegExp) =>
  within.locator(".notice:visible", { hasText: text }).first().waitFor()

const press = (within: Page | Locator, name: string) => within.getByRole("button", { name, exact: true }).click()

/** How far the page goes beyond the window, to the side. */
const beyond = (page: Page) => page.evaluate("document.documentElement.scrollWidth - innerWidth")

describe.skipIf(skipsBrowser)("ConsoleTells", () => {
  layer(Layer.provideMerge(Chromium.layer, NodeServices.layer), { excludeTestServices: true, timeout: "3 minutes" })(
    "in a real browser",
    (it) => {
      it.effect("what no token can be is told as a wrong one", () =>
        Effect.gen(function* () {
          const { page } = yield* opened()
          yield* Effect.promise(async () => {
            await signIn(page, "“a-token-in-quotes-of-a-letter”")
            await said(page, "That is neither the admin token nor a key of this gateway.")
          })
        }),
      )

      it.effect(
        "where keys are asked for, an operator is asked for one before anything is tried, and speaks with it",
        () =>
          Effect.gen(function* () {
            const { key, page } = yield* opened()
            yield* Effect.promise(async () => {
              await signIn(page, adminToken)
              await press(page, "Speak")
              await said(page, "Say first whose key pays.")
              const form = page.getByRole("form", { name: "Key" })
              await form.getByLabel("Key").fill(adminToken)
              await press(form, "Use this key")
              await said(form, "That is no key of this gateway.")
              await form.getByLabel("Key").fill(key.text)
              await press(form, "Use this key")
              await said(form, "It pays for what is tried here")
              await press(page, "Speak")
              await page.locator("[data-numbers=speech]").waitFor()
            })
          }),
      )

      it.effect("a speed of a half can be typed", () =>
        Effect.gen(function* () {
          const { page } = yield* opened()
          yield* Effect.promise(async () => {
            await signIn(page, adminToken)
            const speed = page.getByLabel("Speed")
            await speed.click()
            await speed.press("ControlOrMeta+a")
            await speed.pressSequentially("0.5")
            expect(await speed.inputValue()).toBe("0.5")
          })
        }),
      )

      it.effect("an amount that is none is told how to be written, and a good one is put in", () =>
        Effect.gen(function* () {
          const { page } = yield* opened()
          yield* Effect.promise(async () => {
            await openMoney(page)
            await page.locator("tr", { hasText: "Home" }).getByRole("button", { name: "Top up …" }).click()
            const dialog = page.getByRole("dialog")
            const topUp = async (amount: string, answer: string) => {
              await dialog.getByLabel("Amount").fill(amount)
              await press(dialog, "Top up")
              await said(dialog, answer)
            }
            await topUp("10,50", "10,50 is no amount: write one such as 12.50, with at most six decimals.")
            await topUp("-3", "An amount from 0.000001 to 1,000,000,000 is accepted.")
            await topUp("10.50", "The balance is $10.50 now.")
            await press(dialog, "Close")
            await press(page, "Prices")
            const prices = page.getByRole("form", { name: "Publish prices" })
            const speech = prices.getByLabel("A million characters")
            // As it is typed: a field for numbers would drop the comma, and make 0,006 a price of 6.
            await speech.pressSequentially("15,125")
            await prices.getByLabel("A minute of audio").fill("0.125")
            await press(prices, "Publish")
            await said(prices, "15,125 is no amount")
            await speech.fill("20000")
            await press(prices, "Publish")
            await said(prices, "An amount from 0 to 10,000 is accepted.")
            await speech.fill("15.125")
            await prices.getByLabel("Hits pay").fill("33.33")
            await press(prices, "Publish")
            await page.getByRole("cell", { name: "$15.125" }).waitFor()
            expect(await page.getByRole("row", { name: "in force" }).innerText()).toMatch(/\$0\.125\s+33\.33 %/)
          })
        }),
      )

      it.effect("a double click opens one account", () =>
        Effect.gen(function* () {
          const { page, post } = yield* opened()
          yield* Effect.promise(async () => {
            await openMoney(page)
            const form = page.getByRole("form", { name: "Open an account" })
            await form.getByLabel("Name").fill("Twice")
            await form.getByRole("button", { name: "Open" }).dblclick()
            await said(form, "Twice is open")
          })
          // Asked for after a second request, had there been one.
          const again = yield* post<{ id: string }>("/admin/accounts", {
            name: "After",
            terms: { kind: "prepaid", overdraft: 0 },
          })
          yield* Effect.promise(async () => {
            await goTo(page, "Try it")
            await goTo(page, "Money")
            await page.getByText(again.id).waitFor()
            expect(await page.locator("tbody tr", { hasText: "Twice" }).count()).toBe(1)
          })
        }),
      )

      it.effect(
        "among many accounts one is found, names that are long or the same are told apart, and nothing is pushed aside",
        () =>
          Effect.gen(function* () {
            const { page, post } = yield* opened()
            const terms = { kind: "prepaid", overdraft: 0 }
            const names = [...Array.from({ length: 30 }, (_, i) => `Customer ${i}`), "Home", "W".repeat(200)]
            for (const name of names) yield* post("/admin/accounts", { name, terms })
            yield* Effect.promise(async () => {
              await openMoney(page)
              await page.getByLabel("Find an account").fill("customer 29")
              await page.locator("tbody tr", { hasText: "Customer 28" }).waitFor({ state: "detached" })
              await page.locator("tbody tr", { hasText: "Customer 29" }).waitFor()
              await press(page, "Keys")
              const account = page.getByRole("form", { name: "Create a key" }).getByLabel("Account")
              expect(
                (await account.locator("option").allInnerTexts()).filter((name) => name.startsWith("Home")),
              ).toEqual([expect.stringMatching(/^Home \(acct_\w+\)$/), expect.stringMatching(/^Home \(acct_\w+\)$/)])
              expect(await beyond(page)).toBe(0)
              await press(page, "Statement")
              await page.getByText("Entries, latest first").waitFor()
              expect(await beyond(page)).toBe(0)
            })
          }),
      )

      it.effect("without TLS, too, money is put in and lines are copied", () =>
        Effect.gen(function* () {
          const browser = yield* Chromium
          const { url } = yield* opened({ hosts: withoutTls })
          const { faults, page } = yield* openConsole(browser, url.replace("127.0.0.1", withoutTls))
          yield* Effect.promise(async () => {
            expect(await page.evaluate("isSecureContext")).toBe(false)
            await openMoney(page)
            await page.locator("tr", { hasText: "Home" }).getByRole("button", { name: "Top up …" }).click()
            const dialog = page.getByRole("dialog")
            await press(dialog, "Top up")
            await said(dialog, "The balance is $10.00 now.")
            await press(dialog, "Close")
            await goTo(page, "Settings")
            await page.getByText("curl", { exact: true }).click()
            await page.getByRole("button", { name: "Copy" }).first().click()
            await page.getByRole("button", { name: "Copied" }).waitFor()
            expect(faults).toEqual([])
          })
        }),
      )

      it.effect(
        "a gateway that has gone is told, what it showed is not taken for new, and one is signed out all the same",
        () =>
          Effect.gen(function* () {
            const { faults, page, port } = yield* opened()
            yield* Effect.promise(async () => {
              await signIn(page, adminToken)
              await goTo(page, "Engines")
              await page.locator("[data-engine=parakeet]").waitFor()
            })
            // The feed asks again after 1, 2, 4 and 8 seconds.
            let inVain = 0
            page.on("requestfailed", (failed) => {
              const isRefused = failed.failure()?.errorText === "net::ERR_CONNECTION_REFUSED"
              if (isRefused && failed.url().endsWith("/admin/live")) inVain += 1
            })
            yield* port.kill
            yield* Effect.promise(async () => {
              await said(page, /^The gateway does not answer\. What is shown is of \d\d:\d\d:\d\d\./)
              // Its library of charts is not there yet.
              await goTo(page, "Live")
              await page.locator(".chart").first().waitFor()
              await goTo(page, "Cache")
              await said(page, /^The gateway does not answer\.$/)
              expect(await page.getByText("Nothing yet.").count()).toBe(0)
              await goTo(page, "Live")
              await said(page, /^The gateway does not answer\.$/)
              await expect.poll(() => inVain, { timeout: 20_000 }).toBeGreaterThanOrEqual(3)
            })
            yield* port.revive
            yield* Effect.promise(async () => {
              // What had been asked for in vain is there, unasked.
              await page.getByText("None.").waitFor()
              // Nor does the feed wait for its own time to ask, which is seconds away: the gateway has answered something else.
              await expect.poll(() => page.locator(".notice:visible").count(), { timeout: 2_000 }).toBe(0)
              await page.locator(".chart canvas").first().waitFor()
            })
            yield* port.kill
            yield* Effect.promise(async () => {
              await press(page, "Sign out")
              await page.getByRole("heading", { name: "Sign in" }).waitFor()
              await signIn(page, adminToken)
              await said(page, /^The gateway does not answer\.$/)
              expect(faults.filter((fault) => !/net::ERR/.test(fault))).toEqual([])
            })
          }),
      )

      it.effect("whose key was revoked is told to sign in again", () =>
        Effect.gen(function* () {
          const { key, page, post } = yield* opened()
          yield* Effect.promise(() => signIn(page, key.text))
          yield* Effect.promise(() => page.locator("#speak").waitFor())
          yield* post(`/admin/keys/${key.id}`, undefined, "DELETE")
          yield* Effect.promise(async () => {
            await press(page, "Speak")
            await said(page, "What was signed in with is no longer good here: sign in again.")
            expect(await page.locator("nav a").count()).toBe(0)
          })
        }),
      )
    },
  )
})
