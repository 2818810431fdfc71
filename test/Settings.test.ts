import { inspect } from "node:util"
import { expect, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Layer, Redacted } from "effect"
import { LiveSettings } from "../src/LiveSettings.ts"
import { Settings, table } from "../src/Settings.ts"

const from = (environment: Record<string, string>) =>
  Effect.gen(function* () {
    return { ...(yield* LiveSettings).now(), ...(yield* Settings) }
  }).pipe(
    Effect.provide(Settings.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment))))),
  )

const refusal = (environment: Record<string, string>) =>
  Effect.map(Effect.flip(from(environment)), ({ message }) => message)

it.effect("an empty environment gives the documented defaults", () =>
  Effect.gen(function* () {
    const settings = yield* from({})
    expect(settings).toMatchObject({ host: "127.0.0.1", port: 8000, dataDir: ".aviary", access: "open" })
    expect(settings.magpieUrl).toBeUndefined()
    expect(settings.uploadMaxBytes).toBe(26_214_400)
    expect(settings.cacheMaxBytes).toBe(10 * 1024 ** 3)
    expect(Duration.toMillis(settings.restartWindow)).toBe(30 * 60_000)
    expect(Object.keys(settings).toSorted()).toEqual(Object.keys(table).toSorted())
  }),
)

it.effect("a variable that is set but empty counts as unset", () =>
  Effect.gen(function* () {
    const settings = yield* from({ AVIARY_PORT: "", AVIARY_MAGPIE_URL: "", AVIARY_ACCESS: "", AVIARY_ADMIN_TOKEN: "" })
    expect(settings).toMatchObject({ port: 8000, magpieUrl: undefined, access: "open", adminToken: undefined })
  }),
)

it.effect("values are read in the units people write", () =>
  Effect.gen(function* () {
    const settings = yield* from({
      AVIARY_CACHE_MAX_BYTES: "500000000",
      AVIARY_CACHE_MEMORY_BYTES: "1 MiB",
      AVIARY_PROBE_INTERVAL: "90 seconds",
      AVIARY_QUEUE_LENGTH: "0",
      AVIARY_PARAKEET_URL: "http://spark:9000",
    })
    expect(settings.cacheMaxBytes).toBe(500_000_000)
    expect(settings.cacheMemoryBytes).toBe(1_048_576)
    expect(Duration.toMillis(settings.probeInterval)).toBe(90_000)
    expect(settings.queueLength).toBe(0)
    expect(settings.parakeetUrl?.href).toBe("http://spark:9000/")
  }),
)

it.effect.each([
  ["AVIARY_PORT", "65536"],
  ["AVIARY_PORT", "80.5"],
  ["AVIARY_PORT", "0x50"],
  ["AVIARY_PORT", " "],
  ["AVIARY_QUEUE_LENGTH", "-1"],
  ["AVIARY_MAGPIE_URL", "spark:9000"],
  ["AVIARY_MAGPIE_URL", "ftp://spark"],
  ["AVIARY_PROBE_INTERVAL", "soon"],
  ["AVIARY_PROBE_INTERVAL", "-1 seconds"],
  ["AVIARY_PROBE_INTERVAL", "Infinity"],
  ["AVIARY_CACHE_MAX_BYTES", "ten"],
  ["AVIARY_CACHE_MAX_BYTES", "-1"],
  ["AVIARY_MAGPIE_CONCURRENCY", "0"],
  ["AVIARY_PACES", '{"en":[0,20]}'],
  ["AVIARY_PACES", '{"en":[20,1.5]}'],
  ["AVIARY_ACCESS", "closed"],
  ["AVIARY_LOG_LEVEL", "INFO!"],
] as const)("%s=%s is refused in one line that says what is accepted", ([name, value]) =>
  Effect.gen(function* () {
    const { accepts } = Object.values(table).find((one) => one.name === name)!
    expect(yield* refusal({ [name]: value })).toBe(
      `${name}=${JSON.stringify(value)} is not valid: it accepts ${accepts}.`,
    )
  }),
)

/** What may be none: a wait that is not waited, a line nobody stands in, a cache that is off. */
const mayBeNone = new Set([
  "AVIARY_DATABASE_WAIT",
  "AVIARY_SHUTDOWN_GRACE",
  "AVIARY_QUEUE_LENGTH",
  "AVIARY_QUEUE_WAIT",
  "AVIARY_RECOVERY_WAIT",
  "AVIARY_CACHE_MAX_BYTES",
  "AVIARY_CACHE_MEMORY_BYTES",
  "AVIARY_CACHE_RESERVE_BYTES",
  "AVIARY_FLIGHT_MEMORY_BYTES",
])

it.effect(
  "every duration, count and size has a most, and is at least something where none would storm or refuse all",
  () =>
    Effect.gen(function* () {
      const isAccepted = (name: string, value: string) => Effect.isSuccess(from({ [name]: value }))
      for (const { name, accepts } of Object.values(table)) {
        const kind = /^a (duration|whole number|number of bytes)/.exec(accepts)?.[1]
        if (kind === undefined) continue
        const [none, absurd] = kind === "duration" ? ["0 seconds", "40000 days"] : ["0", "999999999999999999"]
        expect([name, yield* isAccepted(name, none)]).toEqual([name, mayBeNone.has(name)])
        expect([name, yield* isAccepted(name, absurd)]).toEqual([name, false])
      }
      expect(yield* isAccepted("AVIARY_RESTART_WINDOW", "59 seconds")).toBe(false)
      expect(yield* isAccepted("AVIARY_RESTART_WINDOW", "1 minute")).toBe(true)
      expect(yield* isAccepted("AVIARY_RESTART_LIMIT", "21")).toBe(false)
      expect(yield* isAccepted("AVIARY_CACHE_MAX_AGE", "365 days")).toBe(true)
    }),
)

it.effect("a password in a URL that is not valid is not repeated", () =>
  Effect.gen(function* () {
    for (const url of ["ftp://me:s3cret/x@spark", "http://me:s3cret@", "me:s3cret@spark:9000"]) {
      const message = yield* refusal({ AVIARY_MAGPIE_URL: url })
      expect(message).toContain("<hidden>@")
      expect(message).not.toContain("s3cret")
    }
  }),
)

it.effect("listening beyond loopback needs a word on who may come in", () =>
  Effect.gen(function* () {
    for (const host of ["0.0.0.0", "::", "192.168.1.5", "127.evil.example"]) {
      expect(yield* refusal({ AVIARY_HOST: host })).toContain("AVIARY_ACCESS=keys")
      expect((yield* from({ AVIARY_HOST: host, AVIARY_ACCESS: "keys" })).access).toBe("keys")
    }
    for (const host of ["localhost", "127.0.0.2", "::1"]) {
      expect((yield* from({ AVIARY_HOST: host })).access).toBe("open")
    }
  }),
)

it.effect("metrics are for everyone on loopback, for the operator beyond, unless said otherwise", () =>
  Effect.gen(function* () {
    const beyond = { AVIARY_HOST: "0.0.0.0", AVIARY_ACCESS: "open" }
    expect((yield* from({})).metrics).toBe("open")
    expect((yield* from(beyond)).metrics).toBe("admin")
    for (const metrics of ["open", "admin", "off"]) {
      expect((yield* from({ AVIARY_METRICS: metrics })).metrics).toBe(metrics)
      expect((yield* from({ ...beyond, AVIARY_METRICS: metrics })).metrics).toBe(metrics)
    }
  }),
)

it.effect("the admin token does not show itself", () =>
  Effect.gen(function* () {
    const settings = yield* from({ AVIARY_ADMIN_TOKEN: "swordfish-and-chips" })
    expect(`${JSON.stringify(settings)} ${inspect(settings)}`).not.toContain("swordfish")
    expect(Redacted.value(settings.adminToken!)).toBe("swordfish-and-chips")
  }),
)

it.effect("an admin token that could be guessed is refused, without being shown", () =>
  Effect.gen(function* () {
    for (const token of [
      "a",
      "fifteen letters",
      " ".repeat(20),
      `${" ".repeat(20)}a`,
      "schwertfisch mit käse",
      "two lines\nof a token",
    ]) {
      expect(yield* refusal({ AVIARY_ADMIN_TOKEN: token })).toBe(
        "AVIARY_ADMIN_TOKEN=<secret> is not valid: it accepts a token of at least 16 ASCII characters, such as `openssl rand -hex 32` prints.",
      )
    }
    const { adminToken } = yield* from({ AVIARY_ADMIN_TOKEN: " sixteen letters.\n" })
    expect(Redacted.value(adminToken!)).toBe("sixteen letters.")
  }),
)

it.effect("a currency is an ISO 4217 one, written in any case", () =>
  Effect.gen(function* () {
    for (const written of ["EUR", "eur", "Eur"]) {
      expect((yield* from({ AVIARY_CURRENCY: written })).currency).toBe("eur")
    }
    for (const written of ["eurooo", "€", "xyz", "eu", " eur"]) {
      expect(yield* refusal({ AVIARY_CURRENCY: written })).toBe(
        `AVIARY_CURRENCY=${JSON.stringify(written)} is not valid: it accepts the three letters of an ISO 4217 currency, such as eur.`,
      )
    }
  }),
)

it.effect("a test names only what it wants otherwise", () =>
  Effect.gen(function* () {
    const settings = yield* Settings
    expect(settings).toMatchObject({ port: 0, host: "127.0.0.1" })
  }).pipe(Effect.provide(Settings.layerTest({ port: "0" }))),
)
