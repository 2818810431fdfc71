/**
 * Without a valid key nothing answers but health, the documentation and the listings, and no admin route answers without
 * the admin token: a route that is added and forgotten would be free speech for the whole network, or the keys of the house.
 * And what lets somebody in never stands where others read: in logs, answers, metrics, traces, files or the list of processes.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Exit, FileSystem, Layer, Logger, Redacted, Tracer } from "effect"
import { OpenApi } from "effect/http-api"
import { Accounts } from "../../src/billing/Accounts.ts"
import { hashKey } from "../../src/billing/ApiKey.ts"
import { Api } from "../../src/contract/Api.ts"
import { startAviary } from "../support/aviary.ts"
import { startProcess } from "../support/gatewayProcess.ts"
import { NimTest } from "../support/nim.ts"

const adminToken = "an-admin-token-that-nobody-guesses"

const open = new Set(["/health/live", "/health/ready", "/docs", "/openapi.json", "/metrics"])
const listings = new Set(["/v1/models", "/v1/models/{id}", "/v1/audio/voices", "/v1/audio/models"])
const isAdmin = (path: string) => path.startsWith("/admin/") || path.startsWith("/v1/organization/")

/** Every route of the contract, with something in place of its parameters. */
const routes = Object.entries(OpenApi.fromApi(Api).paths).flatMap(([path, operations]) =>
  Object.keys(operations).map((method) => ({
    path,
    method: method.toUpperCase(),
    url: path.replace(/\{\w+\}/g, "parakeet"),
  })),
)

const ask = (base: string, { method, url }: { method: string; url: string }, authorization?: string) =>
  Effect.promise(async () => {
    const response = await fetch(base + url, {
      method,
      headers: { "content-type": "application/json", ...(authorization === undefined ? {} : { authorization }) },
      ...(method === "GET" || method === "DELETE" ? {} : { body: "{}" }),
    })
    return { status: response.status, text: await response.text(), headers: JSON.stringify([...response.headers]) }
  })

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
        const { url, services } = yield* startAviary(yield* NimTest, { access: "keys", adminToken })
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
        const { url } = yield* startAviary(yield* NimTest, { access: "open", adminToken })
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

    it.effect(
      "no key, token or hash stands in logs, answers, metrics, traces or files, the ledger's hash of a key aside",
      () =>
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
            { access: "keys", logLevel: "debug", metrics: "open" },
            { loggers: [logger] },
          ).pipe(Effect.provideService(Tracer.Tracer, tracer))
          const { url, dataDir } = gateway
          const token = (yield* fs.readFileString(`${dataDir}/admin-token`)).trim()
          const admin = `Bearer ${token}`
          const create = yield* Effect.promise(() =>
            fetch(`${url}/admin/keys`, {
              method: "POST",
              headers: { "content-type": "application/json", authorization: admin },
              body: JSON.stringify({ accountId: "anonymous", name: "Test" }),
            }).then((response) => response.json() as Promise<{ text: string; key: { id: string } }>),
          )
          const key = create.text
          const wrongKey = "sk-aviary-a-wrong-key-that-might-be-a-typo"
          for (const route of [...routes, { method: "GET", url: "/metrics", path: "/metrics" }]) {
            if (route.method === "DELETE") continue
            for (const authorization of [admin, `Bearer ${key}`, `Bearer ${wrongKey}`, key]) {
              const { text, headers } = yield* ask(url, route, authorization)
              written.push(text, headers)
            }
          }
          yield* ask(url, { method: "GET", url: `/v1/models?api_key=${key}` }, `Bearer ${key}`)
          for (const name of yield* fs.readDirectory(dataDir, { recursive: true })) {
            const path = `${dataDir}/${name}`
            if (name === "admin-token" || (yield* fs.stat(path)).type !== "File") continue
            written.push(Buffer.from(yield* fs.readFile(path)).toString("latin1"))
          }
          for (const { name, attributes, events, status } of spans) {
            const said = status._tag === "Ended" && Exit.isFailure(status.exit) ? String(status.exit.cause) : ""
            written.push(`${name} ${JSON.stringify([[...attributes], events])} ${said}`)
          }
          expect(spans.map(({ name }) => name)).toEqual(expect.arrayContaining(["POST", "Access.authenticate"]))
          const hashes = [key, token].map((text) => Redacted.value(hashKey(Redacted.make(text))))
          expect(written.join("\n")).toContain("/admin/keys")
          for (const secret of [key, token, wrongKey, hashes[1]!]) {
            const found = written.filter((text) => text.includes(secret))
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
        expect(listed.filter((line) => line.includes("main.ts"))).not.toEqual([])
        expect(listed.filter((line) => line.includes(adminToken))).toEqual([])
        gateway.signal("SIGTERM")
        expect(yield* gateway.exited).toMatchObject({ code: 0 })
        expect(gateway.output()).not.toContain(adminToken)
      }),
    )
  },
)
