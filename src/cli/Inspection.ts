import { Clock, DateTime, Duration, Effect, FileSystem, Option, Redacted, Result, Schema } from "effect"
import { execFile } from "node:child_process"
import { delimiter, join, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { FreeBytes } from "../cache/Reserve.ts"
import { DatabaseError } from "../database/DatabaseError.ts"
import { inspectDatabase } from "../database/Database.ts"
import { readDatabaseUrl } from "../database/DatabaseUrl.ts"
import { openModelFolder } from "../embedded/ModelFolder.ts"
import { inspectContainer, makeDockerClient } from "../health/DockerRestart.ts"
import { engineId, engineName } from "../health/EngineId.ts"
import { type MemberSettings, readMembers } from "../health/MemberSettings.ts"
import type { RestartTarget } from "../health/RestartTarget.ts"
import { LiveSettings } from "../LiveSettings.ts"
import { isLoopback, Settings, table } from "../Settings.ts"
import type { EngineAddress } from "../upstream/EngineAddress.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { MagpieClient } from "../upstream/MagpieClient.ts"
import { ParakeetClient } from "../upstream/ParakeetClient.ts"
import { place } from "./EnginePlace.ts"

/** One thing that was looked at. `warning`: works, but not as somebody may expect. */
export interface Finding {
  readonly what: string
  readonly state: "good" | "warning" | "bad"
  readonly detail: string
}

const finding = (what: string, state: Finding["state"], detail: string): Finding => ({ what, state, detail })

/** With less than this the next upload or entry of the ledger may find no room. */
const leastBytes = 100 * 1_048_576

const megabytes = (bytes: number) => `${Math.round(bytes / 1_048_576).toLocaleString("en-US")} MiB`

const settings = Effect.map(LiveSettings, (live) => {
  const inForce = live.inForce()
  const set = inForce.filter(({ origin }) => origin !== "default")
  const origins = new Set(set.map(({ origin }) => origin))
  const from = set.length === 0 ? "" : `, from ${[...origins].join(", ")}`
  return finding("settings", "good", `${set.length} of ${inForce.length} are set${from}; the rest is as by default`)
})

/** Where it will listen, and whom it serves there. */
const access = Effect.map(Settings, ({ access, host, port }) => {
  const where = `on ${host}, port ${port}`
  if (access === "keys") return finding("access", "good", `a key is asked for, ${where}`)
  return isLoopback(host)
    ? finding("access", "good", `no key is asked for, ${where}: this machine alone reaches it`)
    : finding("access", "warning", `no key is asked for, ${where}: whoever reaches it is served`)
})

/** Nothing is made: what is not there yet is made by the start. */
const dataDirectory = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { dataDir } = yield* Settings
  const path = resolve(dataDir)
  const probe = (folder: string): Effect.Effect<Finding> =>
    fs.access(folder, { writable: true }).pipe(
      Effect.match({
        onSuccess: () =>
          finding("data directory", "good", folder === path ? path : `${path} will be made at the first start`),
        onFailure: ({ reason }) => ({ folder, reason }),
      }),
      Effect.flatMap((found) => {
        if ("what" in found) return Effect.succeed(found)
        const parent = resolve(folder, "..")
        return found.reason._tag === "NotFound" && parent !== folder
          ? probe(parent)
          : Effect.succeed(finding("data directory", "bad", `${folder} cannot be written to (${found.reason._tag})`))
      }),
    )
  return yield* probe(path)
})

const disk = Effect.gen(function* () {
  const { dataDir } = yield* Settings
  const free = yield* (yield* FreeBytes)(resolve(dataDir)).pipe(Effect.orElseSucceed(() => undefined))
  if (free === undefined)
    return finding("disk", "warning", "how much is free cannot be told before the directory is there")
  return finding("disk", free < leastBytes ? "bad" : "good", `${megabytes(free)} are free in the data directory`)
})

const inWords = (accounts: number) => (accounts === 1 ? "1 account" : `${accounts} accounts`)

class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", { message: Schema.String }) {}

const sqliteLedger = Effect.fnUntraced(function* (path: string) {
  const fs = yield* FileSystem.FileSystem
  if (!(yield* Effect.orElseSucceed(fs.exists(path), () => false))) {
    return finding("ledger", "good", `SQLite; ${path} will be made at the first start`)
  }
  return yield* Effect.try({
    try: () => {
      const database = new DatabaseSync(path, { readOnly: true })
      try {
        return Number(database.prepare("SELECT count(*) AS accounts FROM accounts").get()!["accounts"])
      } finally {
        database.close()
      }
    },
    catch: (error) => new Unreadable({ message: error instanceof Error ? error.message : String(error) }),
  }).pipe(
    Effect.match({
      onSuccess: (accounts) => finding("ledger", "good", `SQLite, ${path}: ${inWords(accounts)}`),
      onFailure: ({ message }) => finding("ledger", "bad", `${path} cannot be read: ${message}`),
    }),
  )
})

/** How long a database may take to answer: longer than connecting takes anywhere. */
const databasePatience = "10 seconds"

const ledger = Effect.gen(function* () {
  const { databaseUrl, dataDir } = yield* Settings
  if (databaseUrl === undefined) return yield* sqliteLedger(join(resolve(dataDir), "ledger.sqlite"))
  return yield* inspectDatabase(databaseUrl).pipe(
    Effect.timeoutOrElse({
      duration: databasePatience,
      orElse: () =>
        Effect.fail(new DatabaseError({ message: `The database did not answer within ${databasePatience}.` })),
    }),
    Effect.match({
      onSuccess: ({ accounts, place, version }) =>
        finding(
          "ledger",
          "good",
          `PostgreSQL ${version}, ${place}: ${accounts === undefined ? "its tables will be made at the first start" : inWords(accounts)}`,
        ),
      onFailure: ({ message }) => finding("ledger", "bad", message),
    }),
  )
})

/** The ledger of a gateway that has opened it. */
const openLedger = Effect.map(Settings, ({ databaseUrl, dataDir }) => {
  const read = databaseUrl === undefined ? undefined : readDatabaseUrl(Redacted.value(databaseUrl))
  if (read === undefined) return finding("ledger", "good", `SQLite, ${join(resolve(dataDir), "ledger.sqlite")}`)
  return finding(
    "ledger",
    "good",
    `PostgreSQL, ${Result.match(read, { onSuccess: ({ place }) => place, onFailure: String })}`,
  )
})

/** What the start would say of the server at an address. */
const whatAnswers = (kind: EngineKind, address: EngineAddress) =>
  kind === "magpie"
    ? Effect.provide(
        Effect.flatMap(MagpieClient, (client) => place(address.url, client)),
        MagpieClient.layerAt(address),
      )
    : Effect.provide(
        Effect.flatMap(ParakeetClient, (client) => place(address.url, client)),
        ParakeetClient.layerAt(address),
      )

/** The engine inside the gateway, or the model in a folder. It is looked for, and not loaded. */
const within = Effect.fnUntraced(function* (kind: EngineKind) {
  const directory = (yield* Settings)[`${kind}ModelDir`]
  if (directory === undefined) return "inside the gateway, English only"
  const { path } = yield* openModelFolder(table[`${kind}ModelDir`].name, directory)
  return `inside the gateway, with the model in ${path} (not loaded)`
})

const engine = (kind: EngineKind, what: string, address: EngineAddress | undefined) =>
  address === undefined
    ? Effect.match(within(kind), {
        onSuccess: (said) => finding(what, "good", said),
        onFailure: ({ message }) => finding(what, "bad", message),
      })
    : Effect.map(whatAnswers(kind, address), (said) => finding(what, said.endsWith(": ready") ? "good" : "bad", said))

/** Each engine of a kind. Of several, one that answers is enough for the gateway's work. */
const engines = Effect.fnUntraced(function* (kind: EngineKind, work: string, members: ReadonlyArray<MemberSettings>) {
  const found = yield* Effect.forEach(
    members,
    ({ address }, index) =>
      engine(kind, members.length === 1 ? work : `${work} by ${nameOf(kind, members, index)}`, address),
    { concurrency: 4 },
  )
  if (!found.some(({ state }) => state === "good")) return found
  return found.map((one) => (one.state === "bad" ? { ...one, state: "warning" as const } : one))
})

/** What answers while no engine of a kind does, where the settings say so. It is inside, and not loaded here. */
const fallback = Effect.fnUntraced(function* (
  ...kinds: ReadonlyArray<{ readonly work: string; readonly members: ReadonlyArray<MemberSettings> }>
) {
  if ((yield* Settings).fallback === "none") return []
  const served = kinds.filter(({ members }) => members.some(({ address }) => address !== undefined))
  const works = served.map(({ work }) => work).join(" and ")
  return [
    served.length === 0
      ? finding(
          "fallback",
          "warning",
          "the engines are inside the gateway already, so there is nothing to stand in for",
        )
      : finding("fallback", "good", `the embedded engine, for ${works} in English, while no other answers`),
  ]
})

const nameOf = (kind: EngineKind, members: ReadonlyArray<MemberSettings>, index: number) =>
  engineName(engineId(kind, index + 1, members.length))

/** Where a program is that a shell would find. */
const located = Effect.fnUntraced(function* (program: string) {
  const fs = yield* FileSystem.FileSystem
  const folders = program.includes("/") ? [""] : (process.env["PATH"] ?? "").split(delimiter)
  for (const folder of folders) {
    const path = folder === "" ? program : join(folder, program)
    if (yield* Effect.orElseSucceed(fs.exists(path), () => false)) return path
  }
  return undefined
})

const restart = (what: string, target: RestartTarget) =>
  Effect.gen(function* () {
    const { dockerCertPath, dockerHost } = yield* Settings
    if (target.kind === "none") return finding(what, "good", "nothing: a wedge is told of and not mended")
    if (target.kind === "command") {
      const path = yield* located(target.program)
      return finding(
        what,
        path === undefined ? "bad" : "good",
        `${target.program}: ${path ?? "no such program on the PATH"} (not run)`,
      )
    }
    const { container } = target
    const client = yield* makeDockerClient(dockerHost, dockerCertPath)
    return yield* Effect.match(inspectContainer({ client, host: dockerHost, container }), {
      onSuccess: (leftAlone) =>
        leftAlone === undefined
          ? finding(what, "good", `container ${container} over ${dockerHost}, which runs (not restarted)`)
          : finding(what, "warning", `container ${container} over ${dockerHost}: it ${leftAlone}`),
      onFailure: ({ message }) => finding(what, "bad", message),
    })
  }).pipe(Effect.scoped)

const ffmpeg = Effect.gen(function* () {
  const path = yield* located("ffmpeg")
  if (path === undefined) return finding("ffmpeg", "warning", "not on the PATH: AAC (m4a, mp4) is not accepted")
  const version = yield* Effect.callback<string>((resume) => {
    execFile(path, ["-version"], { timeout: 5_000 }, (error, stdout) =>
      resume(Effect.succeed(error === null ? (stdout.split("\n", 1)[0] ?? "") : `does not run: ${error.message}`)),
    )
  })
  return finding("ffmpeg", version.startsWith("does not") ? "bad" : "good", version.slice(0, 80))
})

/** Prices, limits and keys go by the time of day: one that was never set is found by the age of this very program. */
const clock = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const now = yield* Clock.currentTimeMillis
  const written = yield* Effect.option(fs.stat(import.meta.filename))
  const before = Option.flatMap(written, ({ mtime }) => mtime)
  const late = Option.isSome(before) && now < before.value.getTime() - Duration.toMillis("1 day")
  const said = DateTime.formatIso(DateTime.makeUnsafe(now))
  return finding("clock", late ? "bad" : "good", late ? `${said} is before this program was installed` : said)
})

const restarts = (kind: EngineKind, members: ReadonlyArray<MemberSettings>) =>
  Effect.forEach(members, (member, index) => restart(`restarts of ${nameOf(kind, members, index)}`, member.restart))

/** What a start says beside its engines, in short: who is restarted how, but not who is not. */
export const besideEngines = Effect.gen(function* () {
  const magpies = yield* readMembers("magpie")
  const parakeets = yield* readMembers("parakeet")
  const isRestarted = [...magpies, ...parakeets].some((member) => member.restart.kind !== "none")
  const found = yield* Effect.all(
    [
      Effect.all([settings, openLedger, disk]),
      isRestarted ? restarts("magpie", magpies) : Effect.succeed([]),
      isRestarted ? restarts("parakeet", parakeets) : Effect.succeed([]),
      Effect.map(ffmpeg, (one) => [one]),
    ],
    { concurrency: "unbounded" },
  )
  return found.flat().map((one) => {
    const engine = /^restarts of (.+)$/.exec(one.what)?.[1]
    return engine === undefined ? one : { ...one, what: "restarts", detail: `${engine}: ${one.detail}` }
  })
})

/** Everything that can be looked at without starting or changing anything. Fails where the settings are not valid. */
export const inspect = Effect.gen(function* () {
  const magpies = yield* readMembers("magpie")
  const parakeets = yield* readMembers("parakeet")
  const found = yield* Effect.all(
    [
      Effect.all([settings, access, dataDirectory, disk, ledger]),
      engines("magpie", "text to speech", magpies),
      engines("parakeet", "speech to text", parakeets),
      fallback({ work: "text to speech", members: magpies }, { work: "speech to text", members: parakeets }),
      restarts("magpie", magpies),
      restarts("parakeet", parakeets),
      Effect.all([ffmpeg, clock]),
    ],
    { concurrency: 4 },
  )
  return found.flat()
}).pipe(Effect.provide(Settings.layer))
