import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { gunzipSync } from "node:zlib"
import { rawConnection } from "../support/rawHttp.ts"
import { startGateway } from "../support/gateway.ts"

const asPage = { headers: { accept: "text/html,application/xhtml+xml" }, redirect: "manual" } as const

const get = (url: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, init)
    return { status: response.status, headers: response.headers, text: await response.text() }
  })

it.live("a browser that opens the gateway gets a page, everybody else is led to the contract's", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const page = yield* get(`${url}/`, asPage)
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"])
    const other = yield* get(`${url}/`, { redirect: "manual" })
    expect([other.status, other.headers.get("location")]).toEqual([303, "/docs"])
    const script = yield* get(`${url}/v1/nothing`, asPage)
    expect([script.status, JSON.parse(script.text).error.code]).toEqual([404, "unknown_url"])
  }),
)

it.live("with AVIARY_CONSOLE=off there is no page and nothing it is made of", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ settings: { console: "off" } })
    expect((yield* get(`${url}/`, asPage)).status).toBe(303)
    expect((yield* get(`${url}/console/main.js`)).status).toBe(404)
  }),
)

it.live("everything the page loads is served, by its own gateway, in less than 200 KB", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const seen = new Map<string, number>()
    const load = (path: string, lazy = false): Effect.Effect<void> =>
      Effect.gen(function* () {
        if (seen.has(path)) return
        const { headers, status, text } = yield* get(url + path, path === "/" ? asPage : {})
        expect([path, status]).toEqual([path, 200])
        expect(headers.get("content-security-policy")).toContain("script-src 'self'")
        seen.set(path, lazy ? 0 : Buffer.byteLength(text))
        const named = path.endsWith(".js")
          ? Array.from(text.matchAll(/(?:\bfrom|^import)\s*["']([\w./-]+)["']/gm), ([, name]) => name!)
          : Array.from(text.matchAll(/(?:src|href)="([^"#]+)"/g), ([, name]) => name!).filter(
              (name) => name !== "/docs",
            )
        // Lines to copy for a client import its SDK.
        for (const name of named.filter((one) => one !== "openai")) {
          expect(name).toMatch(path.endsWith(".js") ? /^\.\/[\w-]+\.js$/ : /^\/console\/[\w-]+\.(css|js|svg)$/)
          yield* load(new URL(name, `http://x${path === "/" ? "/" : "/console/"}`).pathname)
        }
        for (const [, name] of text.matchAll(/import\(["']([^"']+)["']\)/g)) {
          yield* load(new URL(name!, "http://x/console/").pathname, true)
        }
      })
    yield* load("/")
    expect([...seen.keys()]).toEqual(
      expect.arrayContaining(["/console/main.js", "/console/preact.js", "/console/uplot.js", "/console/style.css"]),
    )
    const first = Array.from(seen.values()).reduce((sum, bytes) => sum + bytes, 0)
    expect(first).toBeGreaterThan(50_000)
    expect(first).toBeLessThan(200_000)
  }),
)

it.live("the page may run its own scripts and nothing else, in no frame, and tells nobody where it was", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    const { headers } = yield* get(`${url}/`, asPage)
    const policy = headers.get("content-security-policy")!.split("; ")
    expect(policy).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
      ]),
    )
    expect(policy.join()).not.toMatch(/unsafe|https?:|\*/)
    expect(headers.get("x-content-type-options")).toBe("nosniff")
    expect(headers.get("referrer-policy")).toBe("no-referrer")
  }),
)

it.live("a file is sent again only when it is another, compressed to those who take that", () =>
  Effect.gen(function* () {
    const { port, url } = yield* startGateway()
    const plain = yield* get(`${url}/console/main.js`, { headers: { "accept-encoding": "identity" } })
    const { closed, socket } = yield* rawConnection(port)
    socket.write(
      "GET /console/main.js HTTP/1.1\r\nhost: localhost\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n",
    )
    const { received } = yield* closed
    const body = received.subarray(received.indexOf("\r\n\r\n") + 4)
    expect(gunzipSync(body).toString()).toBe(plain.text)
    const etag = plain.headers.get("etag")!
    const again = yield* get(`${url}/console/main.js`, {
      headers: { "accept-encoding": "identity", "if-none-match": etag },
    })
    expect([again.status, again.text]).toEqual([304, ""])
  }),
)

it.live("nothing beside the page's files is served", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway()
    for (const path of ["tsconfig.json", "main.ts", "..%2FConsoleFiles.ts", "%2e%2e%2fConsoleFiles.ts", "nothing.js"]) {
      expect([path, (yield* get(`${url}/console/${path}`)).status]).toEqual([path, 404])
    }
  }),
)
