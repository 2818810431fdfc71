import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { AdminClient } from "../../src/client/AdminClient.ts"
import { Settings } from "../../src/Settings.ts"
import { startGateway } from "../support/gateway.ts"

const adminToken = "the token of this gateway"

type Call = Parameters<typeof AdminClient.Service.ask<unknown, unknown>>[0]

const list: Call = (client) => client.adminAccounts.list()

const asking = (url: string, call: Call, settings: Parameters<typeof Settings.layerTest>[0] = { adminToken }) =>
  Effect.flatMap(AdminClient, ({ ask }) => ask(call)).pipe(
    Effect.provide(
      AdminClient.layer(url).pipe(Layer.provide(Settings.layerTest(settings)), Layer.provide(NodeServices.layer)),
    ),
  )

/** What a call to the gateway at `url` fails with. */
const failing = (url: string, call = list, settings?: Parameters<typeof Settings.layerTest>[0]) =>
  Effect.flip(asking(url, call, settings))

const otherServer = (answer: RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const server = createServer(answer).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close()),
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))

it.live("takes the URL that clients of the API have", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ settings: { adminToken } })
    expect(yield* asking(`${url}/v1/`, list)).toMatchObject({ accounts: [{ id: "anonymous" }] })
  }),
)

it.live("a value that fails before it is sent gets the gateway's own message", () =>
  Effect.gen(function* () {
    const terms = { kind: "prepaid", overdraft: 0 } as const
    const open: Call = (client) => client.adminAccounts.open({ payload: { name: " ", terms } })
    expect(yield* failing("http://127.0.0.1:1", open)).toMatchObject({
      message: "Invalid value for 'name': expected 1 to 200 characters.",
      undone: true,
    })
  }),
)

it.live("names the place of a token that is another gateway's, and not the token", () =>
  Effect.gen(function* () {
    const { url } = yield* startGateway({ settings: { adminToken } })
    const given = yield* failing(url, list, { adminToken: "the token of another" })
    expect(given).toMatchObject({ code: "invalid_admin_token", undone: true })
    expect(given.message).toContain(`AVIARY_ADMIN_TOKEN is not the admin token of the gateway at ${url}`)

    const fs = yield* FileSystem.FileSystem
    const dataDir = yield* fs.makeTempDirectoryScoped()
    yield* fs.writeFileString(`${dataDir}/admin-token`, "the token of another")
    const read = yield* failing(url, list, { dataDir })
    expect(read.message).toContain(`The admin token in ${dataDir}/admin-token is not that of the gateway`)
    expect(`${given.message}${read.message}`).not.toContain("of another.")
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("knows what is no gateway", () =>
  Effect.gen(function* () {
    const foreign = expect.stringContaining("is no Aviary, or one of another version")
    const page = yield* otherServer((_, response) => response.end("<html>"))
    expect(yield* failing(page)).toMatchObject({ message: foreign, code: "not_understood" })
    const json = yield* otherServer((_, response) =>
      response.writeHead(200, { "content-type": "application/json" }).end('{"accounts":7}'),
    )
    expect(yield* failing(json)).toMatchObject({ message: foreign })
    const missing = yield* otherServer((_, response) => response.writeHead(404).end())
    expect(yield* failing(missing)).toMatchObject({ message: expect.stringContaining("it answered 404.") })
    expect(yield* failing("127.0.0.1:8000")).toMatchObject({ message: expect.stringContaining("is no URL") })
  }),
)

it.live("knows whether the gateway can have done what it was asked", () =>
  Effect.gen(function* () {
    for (const url of ["http://127.0.0.1:1", "http://nowhere.invalid"]) {
      expect(yield* failing(url)).toMatchObject({
        message: expect.stringContaining("No gateway answers"),
        undone: true,
      })
    }
    const cut = yield* otherServer((request) => request.socket.destroy())
    expect(yield* failing(cut)).toMatchObject({ code: "no_answer", undone: false })
    const { url } = yield* startGateway({ settings: { adminToken } })
    const nobody: Call = (client) => client.adminAccounts.get({ params: { id: "nobody" } })
    expect(yield* failing(url, nobody)).toMatchObject({ code: "account_not_found", undone: true })
  }),
)
