/**
 * Operators look at engines, requests and money; what they look at has to work in a real browser, on a desk and on a phone, with
 * a keyboard and a screen reader, and a name that somebody else has chosen must stay a name. One that ran as a script would have
 * the admin token.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import type { Browser, Page } from "playwright-core"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { launchBrowser, skipsBrowser } from "../support/browser.ts"
import { goTo, openConsole, picture, seriousFindings, signIn, widths } from "../support/consolePage.ts"
import { startListeningNim } from "../support/listeningNim.ts"

class Chromium extends Context.Service<Chromium, Browser>()("aviary/test/ConsoleShows/Chromium") {
  static readonly layer = Layer.effect(Chromium, launchBrowser())
}

const adminToken = "an-admin-token-of-a-test"
const hostile = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`
const clip = new URL("../support/audio/sense-and-sensibility-0930.wav", import.meta.url)

const asOperator = (url: string) => {
  const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" }
  return <A>(method: string, path: string, body?: unknown) =>
    Effect.promise(async () => {
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
      return (await (await fetch(url + path, init)).json()) as A
    })
}

/** Waits until nothing on the page is a place for what is still to come. */
const settled = (page: Page) => page.locator(".waiting").waitFor({ state: "detached" })

/** Where on each page what others have named is shown, once something has happened. */
const pages = [
  { name: "Try it", shows: "#speak" },
  { name: "Engines", shows: "[data-engine=parakeet] svg" },
  { name: "Live", shows: ".chart canvas" },
  { name: "Money", shows: "td strong" },
  { name: "Cache", shows: "td code" },
  { name: "Settings", shows: "td code" },
] as const

type Width = [name: string, options: (typeof widths)[keyof typeof widths]]

describe.skipIf(skipsBrowser)("ConsoleShows", () => {
  layer(Layer.provideMerge(Chromium.layer, NodeServices.layer), { excludeTestServices: true, timeout: "3 minutes" })(
    "in a real browser",
    (it) => {
      it.effect(
        "every page opens on a desk and on a phone, complains of nothing, asks nobody else, and can be used by all",
        () =>
          Effect.gen(function* () {
            const browser = yield* Chromium
            const { url } = yield* startAviary(yield* startListeningNim(), { adminToken })
            const operator = asOperator(url)
            const { id } = yield* operator<{ id: string }>("POST", "/admin/accounts", {
              name: hostile,
              terms: { kind: "prepaid", overdraft: 0 },
            })
            yield* operator("POST", `/admin/accounts/${id}/deposits`, { amount: 5_000_000, reason: hostile })
            yield* operator("POST", "/admin/keys", { accountId: id, name: hostile })
            yield* operator("POST", "/admin/engines/magpie/probe")
            yield* operator("POST", "/admin/engines/parakeet/probe")
            yield* Effect.promise(async () => {
              const spoken = await fetch(`${url}/v1/audio/speech`, speechOf("alloy"))
              await spoken.arrayBuffer()
              expect((await fetch(`${url}/v1/audio/speech`, speechOf(hostile))).status).toBe(400)
            })
            const look = Effect.fnUntraced(function* ([width, options]: Width) {
              const { faults, page } = yield* openConsole(browser, url, options)
              yield* Effect.promise(async () => {
                await goTo(page, "Live")
                await picture(page, `${width}-sign-in`)
                await signIn(page, adminToken)
                for (const { name, shows } of pages) {
                  await goTo(page, name)
                  await page.locator(shows).first().waitFor()
                  await settled(page)
                  expect([width, name, await seriousFindings(page)]).toEqual([width, name, []])
                  const beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                  expect([width, name, beyond]).toEqual([width, name, 0])
                  if (name === "Money") await everyPart(page, width)
                  await picture(page, `${width}-${name.toLowerCase().replace(" ", "-")}`)
                }
                await goTo(page, "Live")
                await page.getByText(hostile.slice(0, 60)).first().waitFor()
                expect(
                  await page.evaluate(
                    "[window.hacked === undefined, document.querySelectorAll('main img, main script').length]",
                  ),
                ).toEqual([true, 0])
                expect([width, faults]).toEqual([width, []])
              })
            })
            // Two windows of one browser: each has a process of its own.
            yield* Effect.forEach(Object.entries(widths), look, { concurrency: "unbounded" })
          }),
      )

      it.effect(
        "a text is typed, heard to its end and counted; a file is transcribed, and its words are heard where they were said",
        () =>
          Effect.gen(function* () {
            const browser = yield* Chromium
            const { url } = yield* startAviary(yield* startListeningNim(), {})
            const { faults, page } = yield* openConsole(browser, url)
            yield* Effect.promise(async () => {
              await page.getByLabel("Text").fill("Birds of a feather.")
              await page.getByLabel("Voice").selectOption("Magpie-Multilingual.DE-DE.Sofia.Happy")
              await page.getByRole("button", { name: "Speak" }).click()
              const numbers = page.locator("[data-numbers=speech]")
              await numbers.waitFor()
              await page.evaluate(
                "new Promise((heard) => setInterval(() => document.querySelector('audio').ended && heard(), 50))",
              )
              const said = await numbers.innerText()
              expect(said).toMatch(/First audio\s+[\d.]+ m?s/)
              expect(said).toMatch(/x-cache\s+MISS/)
              expect(said).toMatch(/Length\s+1\.\d+ s/)
              expect(await page.locator("canvas.wave").count()).toBe(1)
              await page.getByRole("button", { name: "Speak" }).click()
              await page.getByText("HIT", { exact: true }).waitFor()

              await page
                .locator("input[type=file]")
                .setInputFiles({ name: "clip.wav", mimeType: "audio/wav", buffer: readFileSync(clip) })
              const words = page.locator(".transcript .word")
              await words.first().waitFor()
              expect(await words.allInnerTexts()).toContain("amiable")
              const last = words.last()
              const from = Number(/^(\d+):([\d.]+)/.exec((await last.getAttribute("title"))!)![2])
              await last.click()
              const there = `(player.played.length > 0 && player.currentTime >= ${from - 0.01})`
              await page.evaluate(
                `new Promise((heard) => setInterval(() => {
                  const player = document.querySelector('audio[aria-label="The recording"]')
                  if (${there}) heard()
                }, 50))`,
              )
              const [srt] = await Promise.all([
                page.waitForEvent("download"),
                page.getByRole("link", { name: "srt" }).click(),
              ])
              expect(readFileSync(await srt.path(), "utf8")).toMatch(
                /^1\n00:00:0\d,\d{3} --> 00:00:\d\d,\d{3}\nHe might/,
              )
              await picture(page, "desktop-spoken-and-heard")
              expect(faults).toEqual([])
            })
          }),
      )

      it.effect("an engine that is wedged turns red, is restarted by its button, and is green again", () =>
        Effect.gen(function* () {
          const browser = yield* Chromium
          const nim = yield* startListeningNim()
          const repaired = join(yield* temporary, "repaired")
          const settings = { adminToken, parakeetRestart: restartsOnce(repaired, nim.url), restartLimit: "20" }
          const { url } = yield* startAviary(nim, settings)
          const { faults, page } = yield* openConsole(browser, url)
          const card = page.locator("[data-engine=parakeet]")
          const dialog = page.getByRole("dialog")
          const is = (state: string) => page.locator(`[data-engine=parakeet][data-state=${state}]`).waitFor()
          /** Whether it was done; says no where a restart is under way by itself. */
          const press = async (button: string) => {
            await card.getByRole("button", { name: `${button} …` }).click()
            await dialog.getByRole("button", { name: button, exact: true }).click()
            const notice = dialog.locator(".notice:not([hidden])")
            await notice.waitFor()
            const done = (await notice.getAttribute("class"))!.includes("good")
            await dialog.getByRole("button", { name: done ? "Close" : "Cancel" }).click()
            return done
          }
          yield* Effect.promise(async () => {
            await goTo(page, "Engines")
            await signIn(page, adminToken)
            expect(await press("Probe")).toBe(true)
            await is("healthy")
          })
          yield* nim.setFaults([{ kind: "wedge", route: "transcriptions" }])
          yield* Effect.promise(async () => {
            await press("Probe")
            await is("wedged")
            await picture(page, "desktop-engine-wedged")
            writeFileSync(repaired, "")
            while (!(await press("Restart"))) await page.waitForEvent("response")
            await is("healthy")
            await picture(page, "desktop-engine-healed")
            await card.getByRole("button", { name: "Refresh" }).click()
            await card.locator("summary").click()
            await card.getByText("restarted in the console").first().waitFor()
            expect(await card.locator("table").innerText()).toMatch(/healthy[^]*restarted[^]*wedged/)
            expect(faults.filter((fault) => !/\b(409|502)\b/.test(fault))).toEqual([])
          })
        }),
      )

      it.effect("an account and a key are made, and the key is used by curl", () =>
        Effect.gen(function* () {
          const browser = yield* Chromium
          const { url } = yield* startAviary(yield* startListeningNim(), { adminToken, access: "keys" })
          const { faults, page } = yield* openConsole(browser, url)
          const key = yield* Effect.promise(async () => {
            await signIn(page, adminToken)
            await goTo(page, "Money")
            const form = page.getByRole("form", { name: "Open an account" })
            await form.getByLabel("Name").fill("Home")
            await form.getByRole("button", { name: "Open" }).click()
            await form.locator(".notice.good").waitFor()
            await page.getByRole("button", { name: "Keys", exact: true }).click()
            const keys = page.getByRole("form", { name: "Create a key" })
            await keys.getByLabel("Account").selectOption({ label: "Home" })
            await keys.getByLabel("Name").fill("Living room")
            await keys.getByLabel("Requests a minute").fill("60")
            await keys.getByRole("button", { name: "Create" }).click()
            await page.locator("[data-key]").waitFor()
            await picture(page, "desktop-key-made")
            return await page.locator("[data-key]").innerText()
          })
          expect(key).toMatch(/^sk-aviary-/)
          const refused = yield* postSpeech(url)
          expect(refused.status).toBe(401)
          const body = JSON.stringify({ model: "tts-1", voice: "alloy", input: "Paid for." })
          const header = `authorization: Bearer ${key}`
          const args = [
            "-sS",
            "-D",
            "-",
            "-o",
            "/dev/null",
            "-H",
            header,
            "-H",
            "content-type: application/json",
            "-d",
            body,
          ]
          const answer = yield* Effect.promise(async () => await run("curl", [...args, `${url}/v1/audio/speech`]))
          expect(answer).toMatch(/^HTTP\/1\.1 200 /)
          yield* Effect.promise(async () => {
            await page.getByRole("button", { name: "Hide" }).click()
            expect(await page.content()).not.toContain(key)
            await page.getByRole("button", { name: "Statement" }).click()
            await page.getByLabel("Account").selectOption({ label: "Home" })
            await page.getByRole("cell", { name: "Living room" }).first().waitFor()
            await goTo(page, "Settings")
            await page.getByRole("button", { name: "Read again …" }).click()
            const dialog = page.getByRole("dialog")
            await dialog.getByRole("button", { name: "Read again", exact: true }).click()
            await dialog.getByText("There is no file: the gateway was started without --config.").waitFor()
            await dialog.getByRole("button", { name: "Close" }).click()
            // Lines to copy are those of the page in docs/, with this gateway's own address.
            await page.getByText("Open WebUI", { exact: true }).click()
            await page.getByText(`AUDIO_TTS_OPENAI_API_BASE_URL=${url}/v1`).waitFor()
            expect(faults).toEqual([])
          })
        }),
      )

      it.effect("a stranger beyond loopback sees the way in and nothing else, and a key opens Try it alone", () =>
        Effect.gen(function* () {
          const browser = yield* Chromium
          const { url } = yield* startAviary(yield* startListeningNim(), {
            adminToken,
            access: "open",
            host: "0.0.0.0",
          })
          const { page } = yield* openConsole(browser, url)
          const asked: Array<string> = []
          page.on("request", (request) => asked.push(new URL(request.url()).pathname))
          const operator = asOperator(url)
          const { text } = yield* operator<{ text: string }>("POST", "/admin/keys", {
            accountId: "anonymous",
            name: "A key",
          })
          yield* Effect.promise(async () => {
            for (const { name } of pages) {
              await page.goto(`${url}/#/${name.toLowerCase().split(" ")[0]}`)
              await page.reload()
              await page.getByRole("heading", { name: "Sign in" }).waitFor()
              expect(await page.locator("nav a").count()).toBe(0)
              expect(await page.locator("main").innerText()).not.toMatch(/parakeet|magpie|0\.1\.0/i)
            }
            expect(asked.filter((path) => !/^\/($|console\/)/.test(path))).toEqual([])
            await picture(page, "desktop-stranger")
            await signIn(page, "not-the-token-at-all")
            await page.getByText("That is neither the admin token nor a key").waitFor()
            await signIn(page, text)
            await page.locator("nav a").first().waitFor()
            await goTo(page, "Engines")
            await page.getByText("This page needs the admin token.").waitFor()
            await goTo(page, "Try it")
            await page.locator("#speak").waitFor()
            await page.reload()
            await page.getByRole("heading", { name: "Sign in" }).waitFor()
          })
        }),
      )
    },
  )
})

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-console-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
)

/** A setting that restarts the engine at `url` by a real command, which fails until the file `repaired` is there. */
const restartsOnce = (repaired: string, { origin }: URL) => {
  const script = `if (!require("node:fs").existsSync(${JSON.stringify(repaired)})) process.exit(1)
    fetch("${origin}/faults/restart", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" })`
  return `command:${JSON.stringify([process.execPath, "-e", script])}`
}

const run = async (program: string, args: ReadonlyArray<string>) =>
  (await promisify(execFile)(program, [...args], { encoding: "utf8" })).stdout

const speechOf = (voice: string) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "tts-1", voice, input: "A sentence to say." }),
})

const everyPart = async (page: Page, width: string) => {
  for (const part of ["Keys", "Prices", "Usage", "Statement", "Accounts"]) {
    await page.getByRole("button", { name: part, exact: true }).click()
    await settled(page)
    expect([width, part, await seriousFindings(page)]).toEqual([width, part, []])
    await picture(page, `${width}-money-${part.toLowerCase()}`)
  }
}
