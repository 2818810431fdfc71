/**
 * Without a valid key nothing answers but health, the documentation and the listings, and no admin route answers without
 * the admin token: a route that is added and forgotten would be free speech for the whole network, or the keys of the house.
 * And what lets somebody in never stands where others read: in logs, answers, metrics, traces, files or the list of processes.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Cause, Effect, Exit, FileSystem, Layer, Logger, Redacted, Tracer } from "effect"
import { OpenApi } from "effect/http-api"
import { Accounts } from "../../src/billing/Accounts.ts"
import { hashKey } from "../../src/billing/ApiKey.ts"
import { Api } from "../../src/contract/Api.ts"
import { startAviary } from "../support/aviary.ts"
import { startProcess } from "../support/gatewayProcess.ts"
import { NimTest } from "../support/nim.ts"
import { rawConnection } from "../support/rawHttp.ts"

const adminToken = "an-admin-token-that-nobody-guesses"

const open = new Set([
  ...["/", "/health/live", "/health/ready", "/docs", "/openapi.json"],
  ...["/console/who", "/console/{file}"],
])
const listings = new Set(["/v1/models", "/v1/models/{id}", "/v1/audio/voices", "/v1/audio/models"])
const isAdmin = (path: string) =>
  path === "/metrics" || path.startsWith("/admin/") || path.startsWith("/v1/organization/")

/** Every route of the contract, with something in place of its parameters. */
const routes = Object.entries(OpenApi.fromApi(Api).paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => ({
    path,
    method: method.toUpperCase(),
    url: path.replace(/\{\w+\}/g, "parakeet"),
  })),
)

interface Ask {
  readonly method: string
  readonly url: string
  readonly body?: string
  readonly id?: string
}

/** The first of an answer that goes on for ever. */
const begin = async (response: Response) => {
  const reader = response.body!.getReader()
  const { value } = await reader.read()
  await reader.cancel()
  return new TextDecoder().decode(value)
}

const ask = (base: string, { method, url, body = "{}", id }: Ask, authorization?: string) =>
  Effect.promise(async () => {
    const response = await fetch(base + url, {
      method,
      headers: {
        "content-type": "application/json",
        ...(authorization === undefined ? {} : { authorization }),
        ...(id === undefined ? {} : { "x-request-id": id }),
      },
      ...(method === "GET" || method === "DELETE" ? {} : { body }),
    })
    const text =
      response.headers.get("content-type") === "text/event-stream" ? await begin(response) : await response.text()
    return { status: response.status, text, headers: JSON.stringify([...response.headers]) }
  })

/** Paths, names and ids that are a secret, as it is and percent-encoded. */
const misplaced = (secret: string): ReadonlyArray<Ask> => {
  const every = Buffer.from(secret).toString("hex").replace(/../g, "%$&")
  const speech = { model: "tts-1", voice: "alloy", input: "Hello." }
  return [
    ...[secret, secret.replaceAll("-", "%2D"), every, every.replaceAll("%", "%25")].flatMap((written) => [
      { method: "DELETE", url: `/admin/keys/${written}` },
      { method: "GET", url: `/admin/accounts/${written}` },
      { method: "DELETE", url: `/admin/cache/entries/${written}` },
      { method: "POST", url: `/admin/engines/${written}/probe` },
      { method: "GET", url: `/v1/models/${written}` },
      { method: "GET", url: `/v1/models/parakeet-${written}` },
      { method: "GET", url: `/v1/audio/speech/${written}` },
      { method: "GET", url: `/v1/foo/${written}` },
      { method: "PATCH", url: `/v1/models/${written}` },
      { method: "GET", url: `/v1/models?api_key=${written}` },
      { method: "GET", url: `/v1/models?${written}` },
    ]),
    { method: "GET", url: "/v1/models", id: secret },
    { method: "POST", url: "/admin/keys", body: JSON.stringify({ accountId: secret, name: "Test" }) },
    { method: "POST", url: "/v1/audio/speech", body: JSON.stringify({ ...speech, model: secret }) },
    { method: "POST", url: "/v1/audio/speech", body: JSON.stringify({ ...speech, voice: secret }) },
    { method: "POST", url: "/v1/audio/speech", body: JSON.stringify({ ...speech, language: secret }) },
    { method: "POST", url: "/v1/audio/speech", body: JSON.stringify({ ...speech, response_format: secret }) },
  ]
}

/** The answer to a CONNECT, which never becomes a request. */
const connect = (base: string, secret: string) =>
  Effect.gen(function* () {
    const { socket, closed } = yield* rawConnection(Number(new URL(base).port))
    socket.write(`CONNECT ${secret}:443 HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    return (yield* closed).received.toString()
  })

/** `text` with every percent-encoding undone, however often it was done. */
const decoded = (text: string): string =>
  text.replace(/%(?:25)*([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true, timeout: "1 minute" })(
  "StaysOut",
  (it) => {
    it.effect("the contract has routes of all three kinds", () =>
      Effect.sync(() => {
        expect(routes.filter(({ path }) => isAdmin(path)).length).toBeGreaterThan(10)
        expect(routes.filter(({ path }) => listings.has(path))).toHaveLength(listings.size)
        expect(routes.map(({ path }) => path)).toContain("/v1/audio/speech")
      }),
    )

    it.effect("without a key only health, documentation and listings answer, with a wrong one no more", () =>
      Effect.gen(function* () {
        const { url } = yield* startAviary(yield* NimTest, { access: "keys", adminToken, metrics: "admin" })
        const wrong = [undefined, "Bearer sk-aviary-wrong", "Bearer x", "Basic YTpi", `Bearer ${"x".repeat(5_000)}`]
        for (const authorization of wrong) {
          for (const route of routes) {
            const { status, text } = yield* ask(url, route, authorization)
            const expected = open.has(route.path) || listings.has(route.path) ? [200, 404, 503] : [401]
            expect(expected, `${route.method} ${route.path} with ${authorization?.slice(0, 30)}: ${text}`).toContain(
              status,
            )
          }
        }
        for (const path of ["/docs", "/openapi.json"]) {
          expect((yield* ask(url, { method: "GET", url: path })).status).toBe(200)
        }
        expect((yield* ask(url, { method: "GET", url: "/metrics" })).status).toBe(401)
        expect((yield* ask(url, { method: "GET", url: "/metrics" }, `Bearer ${adminToken}`)).status).toBe(200)
      }),
    )

    it.effect("a client's key opens no admin route, and the admin token speaks for nobody", () =>
      Effect.gen(function* () {
        const { url, services } = yield* startAviary(yield* NimTest, { access: "keys", adminToken, metrics: "admin" })
        const accounts = yield* Accounts.pipe(Effect.provide(services))
        const { text } = yield* accounts.createKey({ accountId: "anonymous", name: "Test" })
        for (const route of routes) {
          const key = yield* ask(url, route, `Bearer ${Redacted.value(text)}`)
          if (isAdmin(route.path)) expect([route.path, key.status]).toEqual([route.path, 401])
          else expect([route.path, key.status]).not.toEqual([route.path, 401])
        }
        const speech = { method: "POST", url: "/v1/audio/speech" }
        expect((yield* ask(url, speech, `Bearer ${adminToken}`)).status).toBe(401)
      }),
    )

    it.effect("admin routes need the token where clients need no key", () =>
      Effect.gen(function* () {
        const { url } = yield* startAviary(yield* NimTest, { access: "open", adminToken, metrics: "admin" })
        for (const route of routes.filter(({ path }) => isAdmin(path))) {
          for (const authorization of [
            undefined,
            "Bearer dummy",
            "Bearer ",
            `Bearer ${adminToken} `.trimEnd().slice(0, -1),
          ]) {
            expect([route.path, (yield* ask(url, route, authorization)).status]).toEqual([route.path, 401])
          }
        }
        expect((yield* ask(url, { method: "GET", url: "/admin/accounts" }, `Bearer ${adminToken}`)).status).toBe(200)
      }),
    )

    it.effect.each([
      ["generated", {}],
      ["an operator's own", { adminToken: "Kr4ken_of-the_Deep~1851" }],
    ] as const)(
      "no key, token (%s) or hash stands in logs, answers, metrics, traces or files, the ledger's hash of a key aside",
      ([, settings]) =>
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          const written: Array<string> = []
          const logger = Logger.make((options) => {
            written.push(Logger.formatJson.log(options), Logger.formatLogFmt.log(options))
          })
          const spans: Array<Tracer.NativeSpan> = []
          const tracer = Tracer.make({
            span: (options) => {
              const span = new Tracer.NativeSpan(options)
              spans.push(span)
              return span
            },
          })
          const gateway = yield* startAviary(
            yield* NimTest,
            { access: "keys", logLevel: "debug", metrics: "open", ...settings },
            { loggers: [logger] },
          ).pipe(Effect.provideService(Tracer.Tracer, tracer))
          const { url, dataDir } = gateway
          const token =
            "adminToken" in settings ? settings.adminToken : (yield* fs.readFileString(`${dataDir}/admin-token`)).trim()
          const admin = `Bearer ${token}`
          const create = yield* Effect.promise(() =>
            fetch(`${url}/admin/keys`, {
              method: "POST",
              headers: { "content-type": "application/json", authorization: admin },
              body: JSON.stringify({ accountId: "anonymous", name: "Test" }),
            }).then((response) => response.json() as Promise<{ text: string; key: { id: string } }>),
          )
          const key = create.text
          const foreign = "the-key-of-another-service"
          const wrongKey = "sk-aviary-a-wrong-key-that-might-be-a-typo"
          for (const route of [...routes, { method: "GET", url: "/metrics", path: "/metrics" }]) {
            if (route.method === "DELETE") continue
            for (const authorization of [admin, `Bearer ${key}`, `Bearer ${wrongKey}`, key]) {
              const { text, headers } = yield* ask(url, route, authorization)
              written.push(text, headers)
            }
          }
          // Where people put secrets that belong into a header.
          for (const secret of [key, token, wrongKey]) {
            for (const place of misplaced(secret)) {
              const { text, headers } = yield* ask(url, place, place.url.startsWith("/admin") ? admin : `Bearer ${key}`)
              written.push(text, headers)
            }
          }
          yield* ask(url, { method: "GET", url: `/v1/models?key=${foreign}` }, `Bearer ${key}`)
          written.push(yield* connect(url, key))
          for (const name of yield* fs.readDirectory(dataDir, { recursive: true })) {
            const path = `${dataDir}/${name}`
            if (name === "admin-token" || (yield* fs.stat(path)).type !== "File") continue
            written.push(Buffer.from(yield* fs.readFile(path)).toString("latin1"))
          }
          for (const { name, attributes, events, status } of spans) {
            const failed = status._tag === "Ended" && Exit.isFailure(status.exit) ? status.exit.cause : undefined
            const said = failed === undefined ? "" : `${String(failed)} ${Cause.pretty(failed)}`
            written.push(`${name} ${JSON.stringify([[...attributes], events])} ${said}`)
          }
          expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(["POST", "Access.authenticate"]))
          const hashes = [key, token].map((text) => Redacted.value(hashKey(Redacted.make(text))))
          expect(written.join("\n")).toContain("/admin/keys")
          for (const secret of [key, token, wrongKey, foreign, hashes[1]!]) {
            const found = written.filter((text) => decoded(text).includes(secret))
            expect(
              found.map((text) => text.slice(0, 200)),
              "a secret stands in",
            ).toEqual([])
          }
          const holders = written.filter((text) => text.includes(hashes[0]!))
          expect(holders.every((text) => /^SQLite format 3|^7\x7f\x06/.test(text))).toBe(true)
        }),
    )

    it.effect("no process of a gateway names a secret among its arguments", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const nim = (yield* NimTest).url.href
        const gateway = yield* startProcess({
          AVIARY_DATA_DIR: yield* fs.makeTempDirectoryScoped({ prefix: "aviary-test-" }),
          AVIARY_MAGPIE_URL: nim,
          AVIARY_PARAKEET_URL: nim,
          AVIARY_ADMIN_TOKEN: adminToken,
        })
        const listed: Array<string> = []
        for (const pid of (yield* fs.readDirectory("/proc")).filter((name) => /^\d+$/.test(name))) {
          // Whoever has ended meanwhile is nobody's secret.
          listed.push(yield* Effect.orElseSucceed(fs.readFileString(`/proc/${pid}/cmdline`), () => ""))
        }
        expect(listed.filter((line) => line.includes("program/main.js"))).not.toEqual([])
        expect(listed.filter((line) => line.includes(adminToken))).toEqual([])
        gateway.signal("SIGTERM")
        expect(yield* gateway.exited).toMatchObject({ code: 0 })
        expect(gateway.output()).not.toContain(adminToken)
      }),
    )
  },
)
