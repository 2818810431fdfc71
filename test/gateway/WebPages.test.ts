/**
 * A browser sends requests to any address for any page. Whoever runs the gateway on their own machine has other people's
 * pages open beside it: those must not make it work, nor read what it answers. Its own pages work, in a real browser.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, layer } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import type { Browser } from "playwright-core"
import { Speech } from "../../src/speech/Speech.ts"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { launchBrowser, skipsBrowser, strangersPage } from "../support/browser.ts"
import { type Parts, startGateway, transcriptionOf, free, transcribed } from "../support/gateway.ts"

class Chromium extends Context.Service<Chromium, Browser>()("aviary/test/WebPages/Chromium") {
  static readonly layer = Layer.effect(Chromium, launchBrowser(["rebound.example"]))
}

/** A gateway that counts what it is asked to do. */
const counting = Effect.fnUntraced(function* (settings: Parts["settings"] = {}) {
  let asked = 0
  const count = Effect.sync(() => void asked++)
  const samples = new Uint8Array(48_000)
  const speech = Layer.succeed(Speech, {
    speak: () =>
      Effect.as(count, {
        key: "0".repeat(64),
        cache: "MISS" as const,
        contentType: "audio/wav",
        length: undefined,
        ...free,
        bytes: Stream.make(wavHeader(24_000, samples.length), samples),
      }),
  })
  const programs = Layer.merge(
    speech,
    transcriptionOf(() => Effect.as(count, transcribed())),
  )
  const gateway = yield* startGateway({ programs, settings })
  return { ...gateway, asked: () => asked }
})

/** What a page gets that tries everything it can. */
const tries = async (base: string) => {
  const body = JSON.stringify({ model: "tts-1", voice: "alloy", input: "Boo." })
  const form = new FormData()
  form.append("model", "whisper-1")
  form.append("file", new Blob(["RIFF"]), "a.wav")
  const attempts: ReadonlyArray<[string, RequestInit]> = [
    ["/v1/audio/speech", { method: "POST", body, headers: { "content-type": "application/json" } }],
    ["/v1/audio/speech", { method: "POST", body, headers: { "content-type": "text/plain" }, mode: "no-cors" }],
    ["/v1/audio/speech", { method: "POST", body: new Blob([body]), mode: "no-cors" }],
    ["/v1/audio/transcriptions", { method: "POST", body: form, mode: "no-cors" }],
    ["/v1/models", {}],
  ]
  const seen: Array<string> = []
  for (const [path, init] of attempts) {
    try {
      const response = await fetch(base + path, init)
      seen.push(response.type === "opaque" ? "opaque" : String(response.status))
    } catch {
      seen.push("failed")
    }
  }
  return seen
}

describe.skipIf(skipsBrowser)("WebPages", () => {
  layer(Layer.provideMerge(Chromium.layer, NodeServices.layer), { excludeTestServices: true, timeout: "1 minute" })(
    (it) => {
      it.effect("a page of another origin makes the gateway do nothing and reads nothing", () =>
        Effect.gen(function* () {
          const { url, port, asked } = yield* counting()
          const browser = yield* Chromium
          const page = yield* Effect.promise(() => browser.newPage())
          const stranger = yield* strangersPage
          yield* Effect.promise(() => page.goto(stranger))
          const seen = yield* Effect.promise(() => page.evaluate(tries, url))
          expect(seen).toEqual(["failed", "failed", "failed", "failed", "failed"])
          // Under a name that its own DNS now points here, the page counts as of the gateway's origin.
          const rebound = `http://rebound.example:${port}`
          const answer = yield* Effect.promise(() => page.goto(`${rebound}/v1/models`))
          expect(answer?.status()).toBe(403)
          expect(asked()).toBe(0)
        }),
      )

      it.effect("a page that AVIARY_CORS_ORIGINS names uses it, and reads the headers it needs", () =>
        Effect.gen(function* () {
          const stranger = yield* strangersPage
          const { url, asked } = yield* counting({ corsOrigins: stranger })
          const browser = yield* Chromium
          const page = yield* Effect.promise(() => browser.newPage())
          yield* Effect.promise(() => page.goto(stranger))
          const read = yield* Effect.promise(() =>
            page.evaluate(async (base) => {
              const response = await fetch(`${base}/v1/audio/speech`, {
                method: "POST",
                headers: { "content-type": "application/json", authorization: "Bearer unused" },
                body: JSON.stringify({ model: "tts-1", voice: "alloy", input: "Hello." }),
              })
              return [response.status, response.headers.get("x-cache"), (await response.arrayBuffer()).byteLength]
            }, url),
          )
          expect(read).toEqual([200, "MISS", 48_044])
          expect(asked()).toBe(1)
        }),
      )

      it.effect(
        "the page of the contract plays the speech it asked for, and loads nothing that its policy forbids",
        () =>
          Effect.gen(function* () {
            const { url } = yield* counting()
            const browser = yield* Chromium
            const page = yield* Effect.promise(() => browser.newPage())
            const complaints: Array<string> = []
            page.on("console", (message) => {
              if (message.type() === "error") complaints.push(message.text())
            })
            yield* Effect.promise(async () => {
              await page.goto(`${url}/docs`)
              await page.locator("[id$='.speech'] button").first().click()
              await page.getByRole("button", { name: "Try it out" }).click()
              await page.getByRole("button", { name: "Execute" }).click()
              const player = page.locator("audio")
              await player.waitFor()
              // Not `waitForFunction`, which evaluates in the page from its second look on, as its policy forbids.
              const ready = () => page.evaluate<number>("document.querySelector('audio').readyState")
              await expect.poll(ready, { timeout: 60_000 }).toBeGreaterThanOrEqual(2)
              expect(await player.getAttribute("src")).toMatch(/^blob:/)
              expect(await page.evaluate<number>("document.querySelector('audio').duration")).toBeCloseTo(1, 1)
            })
            expect(complaints).toEqual([])
          }),
      )
    },
  )
})
