import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Option } from "effect"
import { join } from "node:path"
import { withSettings } from "../../src/cli/SettingFlags.ts"
import { LiveSettings } from "../../src/LiveSettings.ts"
import { Settings } from "../../src/Settings.ts"

const none = { config: Option.none(), port: Option.none(), host: Option.none(), dataDir: Option.none() }

/** The settings in force, and where each that is not as by default came from. */
const inForce = Effect.gen(function* () {
  const { inForce, now } = yield* LiveSettings
  const values = { ...now(), ...(yield* Settings) }
  return { values, said: inForce().filter(({ origin }) => origin !== "default") }
}).pipe(Effect.provide(Settings.layer))

const written = Effect.fnUntraced(function* (name: string, text: string) {
  const fs = yield* FileSystem.FileSystem
  const path = join(yield* fs.makeTempDirectoryScoped({ prefix: "aviary-config-" }), name)
  yield* fs.writeFileString(path, text)
  return path
})

const environment = (variables: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(variables))

layer(NodeServices.layer)("SettingFlags", (it) => {
  it.effect("a flag wins over the environment, the environment over the file, the file over the default", () =>
    Effect.gen(function* () {
      const path = yield* written("aviary.toml", 'port = 1\nhost = "127.0.0.2"\nqueue-length = 3\n')
      const flags = { ...none, config: Option.some(path), port: Option.some("81") }
      const { said, values } = yield* withSettings(flags, inForce).pipe(
        Effect.provide(environment({ AVIARY_PORT: "2", AVIARY_HOST: "127.0.0.3" })),
      )
      expect(values).toMatchObject({ port: 81, host: "127.0.0.3", queueLength: 3 })
      expect(said).toEqual([
        { name: "AVIARY_HOST", value: "127.0.0.3", origin: "environment" },
        { name: "AVIARY_PORT", value: "81", origin: "flag" },
        { name: "AVIARY_QUEUE_LENGTH", value: "3", origin: path },
      ])
    }),
  )

  it.effect("tables, lists and words of TOML are what the variables would say", () =>
    Effect.gen(function* () {
      const toml = `
access = "keys"
admin-token = "a-token-of-an-operator"
cors-origins = ["https://a.example", "https://b.example"]

[magpie]
url = "http://spark:9000"
restart = ["ssh", "spark", "docker restart, please"]

[voices]
nova = "Magpie-Multilingual.EN-US.Mia"

[paces]
en = [1.5, 20]
`
      const config = Option.some(yield* written("aviary.toml", toml))
      const { said, values } = yield* withSettings({ ...none, config }, inForce).pipe(Effect.provide(environment({})))
      expect(values).toMatchObject({
        access: "keys",
        corsOrigins: ["https://a.example", "https://b.example"],
        magpieUrl: new URL("http://spark:9000"),
        magpieRestart: 'command:["ssh","spark","docker restart, please"]',
        paces: { en: [1.5, 20] },
      })
      expect(said.find(({ name }) => name === "AVIARY_VOICES")?.value).toBe('{"nova":"Magpie-Multilingual.EN-US.Mia"}')
      expect(said.find(({ name }) => name === "AVIARY_ADMIN_TOKEN")?.value).toBeNull()
    }),
  )

  it.effect("a file of NAME=value is read as well; one that is not there or not valid says so in one line", () =>
    Effect.gen(function* () {
      const env = yield* written(".env", '# mine\nAVIARY_PORT="83"\nOTHER=x\n')
      const { values } = yield* withSettings({ ...none, config: Option.some(env) }, inForce).pipe(
        Effect.provide(environment({})),
      )
      expect(values.port).toBe(83)
      const broken = yield* written("broken.toml", "port = \n")
      const refused = (path: string) => Effect.flip(withSettings({ ...none, config: Option.some(path) }, inForce))
      expect((yield* refused(broken)).message).toMatch(/broken\.toml, line 1, is not valid TOML: [^\n]+$/)
      expect((yield* refused("/nowhere/aviary.toml")).message).toMatch(/cannot be read from .* \(NotFound\)\.$/)
    }),
  )

  it.effect.each([
    ["aviary.toml", "port = 1\n\n[paces]\nen = [20, 1]\n", 3, "AVIARY_PACES"],
    ["aviary.toml", '[magpie]\n# here\nurl = "spark"\n', 3, "AVIARY_MAGPIE_URL"],
    ["aviary.toml", 'magpie.url = "spark"\n', 1, "AVIARY_MAGPIE_URL"],
    ["aviary.toml", '[recording]\nmax-duration = "soon"\n', 2, "AVIARY_RECORDING_MAX_DURATION"],
    [".env", "# mine\nexport AVIARY_PORT=high\n", 2, "AVIARY_PORT"],
  ] as const)("a value of %s that is not accepted is told with its line: %j", ([name, text, line, setting]) =>
    Effect.gen(function* () {
      const path = yield* written(name, text)
      const refused = Effect.flip(withSettings({ ...none, config: Option.some(path) }, inForce))
      expect((yield* Effect.provide(refused, environment({}))).message).toMatch(
        new RegExp(`^${path.replaceAll(".", "\\.")}, line ${line}: ${setting}=`),
      )
    }),
  )
})
