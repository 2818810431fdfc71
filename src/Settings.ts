import { ConfigProvider, Context, Effect, Layer } from "effect"
import {
  adminToken,
  countTo,
  currency,
  dockerHost,
  duration,
  durationFrom,
  durationOrNone,
  engineKey,
  hosts,
  names,
  oneOf,
  origins,
  port,
  protocol,
  restartTarget,
  text,
  canChange,
  type Setting,
  url,
} from "./SettingKinds.ts"
import { cacheTable } from "./CacheSettings.ts"
import { databaseSettings } from "./DatabaseSettings.ts"
import { fleetTable } from "./FleetSettings.ts"
import { limitTable } from "./LimitSettings.ts"
import { LiveSettings, type LiveValues, makeLiveSettings } from "./LiveSettings.ts"
import { readingTable } from "./ReadingSettings.ts"
import { unknownNames } from "./SettingNames.ts"
import { readOne } from "./SettingReading.ts"
import { SettingsError } from "./SettingSources.ts"
import { wyomingSettings } from "./WyomingSettings.ts"

export { SettingsError }

/**
 * Every setting there is. `docs/configuration.md` is this table, which a test holds to it. What is `live` can change while the gateway
 * runs, and is in `LiveSettings`.
 * Durations and bytes take a unit; a variable that is set but empty counts as unset.
 */
export const table = {
  host: text("AVIARY_HOST", "127.0.0.1", "Address to listen on."),
  port: port("AVIARY_PORT", "8000", "Port to listen on."),
  dataDir: text("AVIARY_DATA_DIR", ".aviary", "Where the cache, the ledger and the generated admin token are kept."),
  ...databaseSettings,
  magpieUrl: url(
    "AVIARY_MAGPIE_URL",
    undefined,
    "Base URL of a Magpie TTS NIM, or of a server with OpenAI's `/v1/audio/speech`. Unset: the embedded engine speaks.",
  ),
  magpieProtocol: protocol("AVIARY_MAGPIE_PROTOCOL", "auto", "What that server speaks. `auto` asks it once."),
  magpieKey: engineKey("AVIARY_MAGPIE_KEY", undefined, "Sent to that server as a bearer token."),
  magpieModelDir: text(
    "AVIARY_MAGPIE_MODEL_DIR",
    undefined,
    "Folder with a voice of sherpa-onnx (Kokoro, Piper or other VITS, Kitten, Matcha) that speaks instead of the embedded engine.",
  ),
  magpieVoices: names(
    "AVIARY_MAGPIE_VOICES",
    "",
    "Voices of a server with OpenAI's protocol that lists none. None: OpenAI's own names.",
  ),
  parakeetUrl: url(
    "AVIARY_PARAKEET_URL",
    undefined,
    "Base URL of a Parakeet ASR NIM, or of a server with OpenAI's `/v1/audio/transcriptions`. Unset: the embedded engine listens.",
  ),
  parakeetProtocol: protocol("AVIARY_PARAKEET_PROTOCOL", "auto", "What that server speaks. `auto` asks it once."),
  parakeetKey: engineKey("AVIARY_PARAKEET_KEY", undefined, "Sent to that server as a bearer token."),
  parakeetModelDir: text(
    "AVIARY_PARAKEET_MODEL_DIR",
    undefined,
    "Folder with a model of sherpa-onnx (NeMo transducer such as Parakeet TDT, Moonshine, Whisper, SenseVoice) that listens instead of the embedded engine.",
  ),
  embeddedRecognizer: oneOf("base", "tiny")(
    "AVIARY_EMBEDDED_RECOGNIZER",
    "base",
    "Size of the recognizer inside. `tiny` needs half the time and 150 MB less, and mishears twice as much of synthetic speech.",
  ),
  magpieModel: text(
    "AVIARY_MAGPIE_MODEL",
    undefined,
    "Name of the model behind AVIARY_MAGPIE_URL, sent where the protocol names one. Part of every cache key: change it when the engine is upgraded. Unset: `magpie-tts-multilingual` of a NIM, otherwise the first that the server lists.",
  ),
  parakeetModel: text(
    "AVIARY_PARAKEET_MODEL",
    undefined,
    "The same for AVIARY_PARAKEET_URL. Unset: `parakeet` of a NIM, otherwise the first that the server lists.",
  ),
  parakeetLanguage: text(
    "AVIARY_PARAKEET_LANGUAGE",
    undefined,
    "Language that Parakeet listens for when a request names none; `multi` for a multilingual profile. Unset: `en-US` of a NIM; a server with OpenAI's protocol finds out by itself.",
  ),
  access: oneOf("open", "keys")(
    "AVIARY_ACCESS",
    undefined,
    "Who may use the API: anyone, or holders of a key. Must be said when listening beyond loopback; on loopback `open` where unset.",
  ),
  hosts: hosts(
    "AVIARY_HOSTS",
    "",
    "Names that the gateway is called by, beside loopback ones. Listening on loopback with open access, and wherever this is set, requests to other names are refused: a web page can let any name point here.",
  ),
  corsOrigins: origins(
    "AVIARY_CORS_ORIGINS",
    "",
    "Origins of web pages that may use the gateway from a browser (CORS). With open access, pages of other origins are refused.",
  ),
  unbilledHits: oneOf("on", "off")(
    "AVIARY_UNBILLED_HITS",
    "off",
    "Whether requests without a key are served from the cache, unbilled, while the ledger cannot be reached. For open access; with keys nobody is.",
  ),
  ...wyomingSettings,
  listings: oneOf("open", "keys")(
    "AVIARY_LISTINGS",
    "open",
    "Whether models and voices are listed without a key, as Open WebUI needs it.",
  ),
  console: oneOf("on", "off")(
    "AVIARY_CONSOLE",
    "on",
    "Whether browsers find the console at `/`. What it shows comes from routes that need the admin token either way.",
  ),
  adminToken: adminToken(
    "AVIARY_ADMIN_TOKEN",
    undefined,
    "Token of the admin routes. Unset: one is generated into the data directory.",
  ),

  magpieTimeout: duration("AVIARY_MAGPIE_TIMEOUT", "120 seconds", "Total time of one Magpie call."),
  parakeetTimeout: duration("AVIARY_PARAKEET_TIMEOUT", "300 seconds", "Total time of one Parakeet call."),
  parakeetPart: durationFrom("20 seconds", "1 hour", "from 20 seconds to an hour")(
    "AVIARY_PARAKEET_PART",
    "2 minutes",
    "Longest part of a recording that one Parakeet call is given: longer ones are cut at pauses. A NIM takes 13 minutes (25 MB).",
  ),
  connectTimeout: duration("AVIARY_CONNECT_TIMEOUT", "5 seconds", "Time for an engine to accept a connection."),
  firstByteTimeout: duration("AVIARY_FIRST_BYTE_TIMEOUT", "30 seconds", "Time for Magpie to begin its answer."),
  idleTimeout: duration("AVIARY_IDLE_TIMEOUT", "20 seconds", "Longest silence in the middle of an engine's answer."),

  ...readingTable,
  ...limitTable,
  uploadTimeout: duration("AVIARY_UPLOAD_TIMEOUT", "5 minutes", "Time for a request body to arrive."),
  readerTimeout: duration(
    "AVIARY_READER_TIMEOUT",
    "90 seconds",
    "How long a client may take nothing of an answer that waits for it before its connection is reset. One that reads, however slowly, is left alone.",
  ),
  shutdownGrace: durationOrNone(
    "AVIARY_SHUTDOWN_GRACE",
    "20 seconds",
    "How long requests may finish after SIGTERM. A second signal ends it.",
  ),

  ...cacheTable,

  magpieConcurrency: countTo(1_000)("AVIARY_MAGPIE_CONCURRENCY", "4", "Calls that Magpie is given at once."),
  parakeetConcurrency: countTo(1_000)(
    "AVIARY_PARAKEET_CONCURRENCY",
    "1",
    "Calls that Parakeet is given at once. Concurrent ones trip a race on some GPUs.",
  ),

  magpieRestart: restartTarget("AVIARY_MAGPIE_RESTART", "none", "How to restart Magpie."),
  parakeetRestart: restartTarget("AVIARY_PARAKEET_RESTART", "none", "The same for Parakeet."),
  ...fleetTable,
  restartLimit: countTo(20)("AVIARY_RESTART_LIMIT", "3", "Restarts of one engine within the window."),
  restartWindow: durationFrom("1 minute", "7 days", "from a minute to a week")(
    "AVIARY_RESTART_WINDOW",
    "30 minutes",
    "Window of the restart limit.",
  ),
  restartTimeout: duration("AVIARY_RESTART_TIMEOUT", "2 minutes", "Time for a restart command or call to return."),
  restartSettle: duration(
    "AVIARY_RESTART_SETTLE",
    "10 seconds",
    "How long after a restart command the old process may still answer, unless the engine was seen gone or not ready. Doubles with each restart of the window.",
  ),
  recoveryTimeout: duration(
    "AVIARY_RECOVERY_TIMEOUT",
    "30 minutes",
    "Time for an engine to be ready after a restart. NIM cold starts take minutes.",
  ),
  recoveryWait: durationOrNone(
    "AVIARY_RECOVERY_WAIT",
    "0 seconds",
    "How long a transcription that met a wedge waits to be replayed, and any request for an engine that was stopped to be started. None: it is answered 503 at once.",
  ),
  probeInterval: durationFrom("1 second", "1 day", "from a second to a day")(
    "AVIARY_PROBE_INTERVAL",
    "5 minutes",
    "Time between probes of an engine.",
  ),
  probeTimeout: duration("AVIARY_PROBE_TIMEOUT", "30 seconds", "Time for one probe."),
  retryAfter: durationFrom("1 second", "1 hour", "from a second to an hour")(
    "AVIARY_RETRY_AFTER",
    "60 seconds",
    "`Retry-After` of a 503 about a wedged engine.",
  ),
  dockerHost: dockerHost("AVIARY_DOCKER_HOST", "unix:///var/run/docker.sock", "Where the Docker Engine API is."),
  dockerCertPath: text(
    "AVIARY_DOCKER_CERT_PATH",
    undefined,
    "Folder with `ca.pem`, `cert.pem` and `key.pem`, as Docker's own `DOCKER_CERT_PATH`. Set: `tcp://` goes over TLS.",
  ),

  currency: currency(
    "AVIARY_CURRENCY",
    "usd",
    "Currency of accounts and prices, in any case. A ledger keeps the one that its first entry was made in.",
  ),
  holdTimeout: durationFrom("1 second", "7 days", "from a second to a week")(
    "AVIARY_HOLD_TIMEOUT",
    "15 minutes",
    "Age after which a hold whose owner is gone is released.",
  ),
  abandoned: oneOf("share", "full", "free")(
    "AVIARY_ABANDONED",
    "share",
    "What a client that leaves is charged once it was handed something: the share of the price that it was handed, the full price, or nothing.",
  ),

  metrics: oneOf("open", "admin", "off")(
    "AVIARY_METRICS",
    undefined,
    "Who may read /metrics: anyone, holders of the admin token or AVIARY_METRICS_TOKEN, or nobody. Unset: `open` when listening on loopback without that token, otherwise `admin`.",
  ),
  metricsToken: adminToken(
    "AVIARY_METRICS_TOKEN",
    undefined,
    "A token that opens /metrics and nothing else, for Prometheus. Unset: the admin token alone does.",
  ),
  logLevel: oneOf("debug", "info", "warn", "error")("AVIARY_LOG_LEVEL", "info", "Least severe level that is logged."),
  logFormat: oneOf("pretty", "json", "logfmt")(
    "AVIARY_LOG_FORMAT",
    undefined,
    "Shape of a log line. Unset: `pretty` on a terminal, otherwise `logfmt`.",
  ),
}

type Table = typeof table
type Written = { readonly [K in keyof Table]: Table[K] extends Setting<infer A> ? A : never }

type Values = Omit<Written, "access" | "cacheShared" | "metrics" | keyof LiveValues> & {
  readonly access: "open" | "keys"
  readonly cacheShared: "all" | "account"
  readonly metrics: "open" | "admin" | "off"
}

/** Whether only this machine reaches the address or name. */
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/.test(host)

/** The settings this process runs with, but for those of `LiveSettings`. */
export class Settings extends Context.Service<Settings, Values>()("aviary/Settings") {
  /** Read from the environment, or whatever `ConfigProvider` is in force, and from `OtherSources`. */
  static readonly layer: Layer.Layer<Settings | LiveSettings, SettingsError> = Layer.effectContext(
    Effect.gen(function* () {
      const first = yield* read
      return Context.make(Settings, first.values).pipe(Context.add(LiveSettings, yield* makeLiveSettings(first, read)))
    }),
  )

  /** Defaults, but for `overrides`, written as in the environment: `{ port: "0" }`. */
  static readonly layerTest = (overrides: { readonly [K in keyof Table]?: string } = {}) =>
    Settings.layer.pipe(
      Layer.provide(
        ConfigProvider.layer(
          ConfigProvider.fromUnknown(
            Object.fromEntries(
              Object.entries(overrides).map(([key, value]) => [table[key as keyof Table].name, value]),
            ),
          ),
        ),
      ),
    )
}

/** Fails where a variable in force is called like a setting and is none. */
export const checkNames: Effect.Effect<void, SettingsError> = Effect.gen(function* () {
  const unknown = yield* Effect.mapError(
    unknownNames(Object.values(table).map(({ name }) => name)),
    (error) => new SettingsError({ message: `The settings cannot be read: ${error.message}` }),
  )
  if (unknown.length > 0) return yield* new SettingsError({ message: unknown.join(" ") })
})

/** All settings as they are written now. */
const read = Effect.gen(function* () {
  const said = yield* Effect.forEach(Object.entries(table), ([key, one]) =>
    Effect.map(readOne(one), (found) => ({ key, ...found, live: canChange<unknown>(one) })),
  )
  yield* checkNames
  const written = Object.fromEntries(said.map(({ key, value }) => [key, value])) as unknown as Written
  yield* checkPlaces(written)
  return { said, values: yield* derived(written), live: written satisfies LiveValues }
})

/** With what is as others are where it was not said. */
const derived = (written: Written): Effect.Effect<Values, SettingsError> => {
  const onlyHere = isLoopback(written.host)
  const metrics = written.metrics ?? (onlyHere && written.metricsToken === undefined ? "open" : "admin")
  const access = written.access ?? (onlyHere ? "open" : undefined)
  const cacheShared = written.cacheShared ?? (access === "keys" ? "account" : "all")
  if (access !== undefined) return Effect.succeed({ ...written, access, cacheShared, metrics })
  return Effect.fail(
    new SettingsError({
      message: `AVIARY_HOST=${JSON.stringify(written.host)} is reached from other machines: say AVIARY_ACCESS=keys to ask for a key, or AVIARY_ACCESS=open to let anyone in.`,
    }),
  )
}

/** An engine is at one place. */
const checkPlaces = (written: Written): Effect.Effect<void, SettingsError> => {
  const both = (["magpie", "parakeet"] as const).find(
    (kind) => written[`${kind}Url`] !== undefined && written[`${kind}ModelDir`] !== undefined,
  )
  if (both === undefined) return Effect.void
  const [url, directory] = [table[`${both}Url`].name, table[`${both}ModelDir`].name]
  return Effect.fail(
    new SettingsError({ message: `${url} and ${directory} are both set, and name two engines: unset one of them.` }),
  )
}
