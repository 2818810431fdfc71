import { expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { Settings } from "../src/Settings.ts"

const providers = {
  "the environment": (variables: Record<string, string>) => ConfigProvider.fromEnv({ env: variables }),
  "a program's own configuration": (variables: Record<string, string>) => ConfigProvider.fromUnknown(variables),
}

const read = (provider: ConfigProvider.ConfigProvider) =>
  Effect.service(Settings).pipe(Effect.provide(Settings.layer.pipe(Layer.provide(ConfigProvider.layer(provider)))))

const around = { PATH: "/usr/bin", HOME: "/srv/somebody", AVIATOR: "1", A_B: "2", AIRFLOW_HOME: "/x", _: "y" }

for (const [where, provider] of Object.entries(providers)) {
  it.effect.each([
    ["AVIARY_ACESS", "AVIARY_ACCESS"],
    ["aviary_access", "AVIARY_ACCESS"],
    ["AVAIRY_ACCESS", "AVIARY_ACCESS"],
    ["AVIARY_CACHE_MAX_BYTE", "AVIARY_CACHE_MAX_BYTES"],
    ["AVIARY_ADMIN_TOKEN_1", "AVIARY_ADMIN_TOKEN"],
    ["AVIARY_HTTP_PORT", "AVIARY_PORT"],
  ] as const)(`in ${where} %s stops the start, which names %s`, ([name, nearest]) =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(read(provider({ ...around, [name]: "keys", AVIARY_PORT: "9000" })))
      expect(message).toBe(`${name} is no setting. Did you mean ${nearest}?`)
    }),
  )

  it.effect(`in ${where} an unknown name is told before what is missing because of it`, () =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(
        read(provider({ AVIARY_HOST: "0.0.0.0", AVIARY_ACESS: "keys", AVIARY_PROT: "9000" })),
      )
      expect(message).toMatch(/^AVIARY_ACESS is no setting\..* AVIARY_PROT is no setting\. Did you mean AVIARY_PORT\?$/)
    }),
  )

  it.effect(`in ${where} other programs' variables and empty ones do not matter`, () =>
    Effect.gen(function* () {
      expect((yield* read(provider({ ...around, AVIARY_ACESS: "", AVIARY_PORT: "9000" }))).port).toBe(9000)
    }),
  )
}

it.effect("what Kubernetes says of Services called aviary is no setting, not even AVIARY_PORT", () =>
  Effect.gen(function* () {
    const links = {
      AVIARY_SERVICE_HOST: "10.0.0.7",
      AVIARY_SERVICE_PORT: "8000",
      AVIARY_SERVICE_PORT_HTTP: "8000",
      AVIARY_PORT: "tcp://10.0.0.7:8000",
      AVIARY_PORT_8000_TCP: "tcp://10.0.0.7:8000",
      AVIARY_PORT_8000_TCP_PROTO: "tcp",
      AVIARY_PORT_8000_TCP_PORT: "8000",
      AVIARY_PORT_8000_TCP_ADDR: "10.0.0.7",
      AVIARY_CANARY_SERVICE_HOST: "10.0.0.8",
      AVIARY_CANARY_PORT: "tcp://10.0.0.8:8000",
      AVIARY_CANARY_PORT_8000_TCP: "tcp://10.0.0.8:8000",
    }
    expect((yield* read(ConfigProvider.fromEnv({ env: links }))).port).toBe(8000)
  }),
)

it.effect.each(["AVIARY_FOO", "AVIARY_", "AVIARY_X"])("%s is like no setting, so that none is guessed", (name) =>
  Effect.gen(function* () {
    const { message } = yield* Effect.flip(read(providers["the environment"]({ ...around, [name]: "1" })))
    expect(message).toBe(`${name} is no setting. docs/configuration.md lists them all.`)
  }),
)
