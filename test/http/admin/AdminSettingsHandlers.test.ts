import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { table } from "../../../src/Settings.ts"
import { version } from "../../../src/telemetry/Version.ts"
import { startGateway } from "../../support/gateway.ts"

const adminToken = "an-admin-token-of-a-test"

const started = (settings: NonNullable<Parameters<typeof startGateway>[0]>["settings"] = {}) =>
  Effect.map(
    startGateway({ settings: { adminToken, ...settings } }),
    ({ url }) =>
      (method: string, path: string, token = adminToken) =>
        Effect.promise(async () => {
          const response = await fetch(`${url}/admin/settings${path}`, {
            method,
            headers: { authorization: `Bearer ${token}` },
          })
          return { status: response.status, text: await response.text() }
        }),
  )

it.live("every setting is told with its value and where it came from, and a secret only that it is set", () =>
  Effect.gen(function* () {
    const secret = "a-token-that-nobody-is-told"
    const ask = yield* started({ queueLength: "3", metricsToken: secret, magpieUrl: "http://u:p4ssword@127.0.0.1:9" })
    const { status, text } = yield* ask("GET", "")
    expect(status).toBe(200)
    const report = JSON.parse(text)
    expect(report).toMatchObject({ version, node: process.version, currency: "usd" })
    expect(report.settings.map(({ name }: { name: string }) => name)).toEqual(
      Object.values(table).map(({ name }) => name),
    )
    const one = (name: string) => report.settings.find((setting: { name: string }) => setting.name === name)
    expect(one("AVIARY_QUEUE_LENGTH")).toMatchObject({ value: "3", origin: "environment", default: "64", live: true })
    expect(one("AVIARY_METRICS_TOKEN")).toMatchObject({ value: null, origin: "environment", secret: true, live: false })
    expect(one("AVIARY_RESTART_LIMIT")).toMatchObject({ value: "3", origin: "default", live: false })
    expect(one("AVIARY_MAGPIE_URL").value).toBe("http://<hidden>@127.0.0.1:9")
    for (const told of [secret, adminToken, "p4ssword"]) expect(text).not.toContain(told)
  }),
)

it.live("settings are told to the operator alone, who alone may have them read again", () =>
  Effect.gen(function* () {
    const ask = yield* started()
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/reload"],
    ] as const)
      expect((yield* ask(method, path, "somebody-else-s-token")).status).toBe(401)
    // Without --config there is nothing to read.
    expect(yield* ask("POST", "/reload")).toEqual({
      status: 200,
      text: JSON.stringify({ file: null, changed: [], needsRestart: [] }),
    })
  }),
)
