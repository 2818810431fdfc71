import { Effect, Layer, Redacted, type Scope } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Announcements } from "../../src/database/Announcements.ts"
import { Database } from "../../src/database/Database.ts"
import { Settings } from "../../src/Settings.ts"
import { freePort } from "./freePort.ts"

/** Debian keeps each version in a folder of its own. */
const binaries = (): string => {
  const all = "/usr/lib/postgresql"
  const [newest] = existsSync(all) ? readdirSync(all).toSorted((a, b) => Number(b) - Number(a)) : []
  if (newest === undefined) throw new Error("PostgreSQL is not installed: apt-get install postgresql")
  return join(all, newest, "bin")
}

/** PostgreSQL does not run as root: the user that Debian makes for it, or whoever runs the tests. */
const unprivileged = () => {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }))
  return { uid: id("-u"), gid: id("-g") }
}

/** Lets the server, and nobody else, read these. */
export const giveToServer = (paths: ReadonlyArray<string>) => {
  const { gid, uid } = unprivileged()
  for (const path of paths) {
    chmodSync(path, 0o700)
    if (uid !== undefined) chownSync(path, uid, gid)
  }
}

/**
 * @property url of a database of its own, made by `database`
 * @property kill ends the server and all its children at once, as a crash does; `start` starts it anew on the same port and data
 * @property sql runs SQL as the superuser, answers with what `psql` prints
 */
export interface Postgres {
  readonly port: number
  readonly folder: string
  readonly database: Effect.Effect<string>
  readonly sql: (sql: string, database?: string) => string
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

const patiently = { timeout: 60_000, encoding: "utf8" } as const

/**
 * A PostgreSQL with a data folder and a port of its own, gone with the scope. It syncs its log: what survives a crash is what is tested.
 *
 * @param options further lines of `postgresql.conf`
 */
export const startPostgres = (options: ReadonlyArray<string> = []): Effect.Effect<Postgres, never, Scope.Scope> =>
  Effect.gen(function* () {
    const bin = binaries()
    const user = unprivileged()
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const made = mkdtempSync(join(tmpdir(), "aviary-pg-"))
        giveToServer([made])
        return made
      }),
      (made) => Effect.sync(() => rmSync(made, { recursive: true, force: true })),
    )
    const data = join(folder, "data")
    const run = (program: string, args: ReadonlyArray<string>) =>
      execFileSync(join(bin, program), args, { ...patiently, ...user, cwd: folder })
    run("initdb", ["-D", data, "-U", "aviary", "--auth=trust", "-E", "UTF8", "--locale=C", "-N"])
    const port = yield* freePort

    let server: ReturnType<typeof spawn> | undefined
    const gone = (process_: ReturnType<typeof spawn>) =>
      Effect.callback<void>((resume) => {
        if (process_.exitCode !== null || process_.signalCode !== null) resume(Effect.void)
        else process_.once("exit", () => resume(Effect.void))
      })
    const settings = [
      `port=${port}`,
      `unix_socket_directories=${folder}`,
      ...["listen_addresses=127.0.0.1", "max_connections=200", "shared_buffers=32MB", "logging_collector=off"],
      ...options,
    ]
    const start = Effect.gen(function* () {
      let said = ""
      const child = spawn(join(bin, "postgres"), ["-D", data, ...settings.flatMap((one) => ["-c", one])], {
        ...user,
        cwd: folder,
        stdio: ["ignore", "ignore", "pipe"],
      })
      server = child
      yield* Effect.callback<void>((resume) => {
        child.stderr.setEncoding("utf8").on("data", (text: string) => {
          said = (said + text).slice(-10_000)
          if (said.includes("ready to accept connections")) resume(Effect.void)
        })
        child.once("exit", () => resume(Effect.die(`PostgreSQL did not start:\n${said}`)))
      })
    })
    /** Its children too: each would go on until it notices. */
    const kill = Effect.gen(function* () {
      if (server === undefined) return
      const { pid } = server
      const children = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)], patiently)
        .split(/\s+/)
        .filter(Boolean)
      server.kill("SIGKILL")
      for (const child of children) {
        try {
          process.kill(Number(child), "SIGKILL")
        } catch {
          // It is gone.
        }
      }
      yield* gone(server)
      server = undefined
    })
    yield* Effect.acquireRelease(start, () => kill)

    const sql = (text: string, database = "postgres") =>
      run("psql", ["-h", folder, "-p", String(port), "-U", "aviary", "-d", database, "-XAtq", "-c", text]).trim()
    let count = 0
    return {
      port,
      folder,
      database: Effect.sync(() => {
        const name = `aviary_${++count}`
        sql(`CREATE DATABASE ${name}`)
        return `postgres://aviary@127.0.0.1:${port}/${name}`
      }),
      sql,
      kill,
      start,
    }
  }).pipe(Effect.orDie)

/** The database at `url`, and what is announced in it. */
export const databaseAt = (url: string, settings: Parameters<typeof Settings.layerTest>[0] = {}) =>
  Announcements.layer.pipe(
    Layer.provideMerge(Database.layerAt(Redacted.make(url))),
    Layer.provide(Settings.layerTest(settings)),
  )
