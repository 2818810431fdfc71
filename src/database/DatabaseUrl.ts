import type { PgConnection } from "@effect/sql-pg"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import type { ConnectionOptions } from "node:tls"

/**
 * Where a PostgreSQL is and how it is spoken to.
 *
 * @property place for people: without the password
 * @property tls what libpq's `sslmode` and its neighbours come to; `optional` where a server without TLS is taken as well
 */
export interface DatabaseAddress {
  readonly place: string
  readonly connection: Pick<PgConnection.Config, "host" | "port" | "database" | "username" | "connectTimeout"> & {
    readonly password: string | undefined
    readonly options: string | undefined
  }
  readonly tls: { readonly use: ConnectionOptions | false; readonly optional: boolean }
}

const sslModes = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] as const
const known: ReadonlySet<string> = new Set([
  ...["host", "port", "user", "password", "dbname", "application_name", "options", "connect_timeout"],
  ...["sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword"],
])

class Unusable extends Error {}

const fail = (why: string): never => {
  throw new Unusable(why)
}

/** A URL as libpq reads it, or why it is none; the reason holds nothing of the password. */
export const readDatabaseUrl = (written: string): Result.Result<DatabaseAddress, string> => {
  try {
    return Result.succeed(read(written))
  } catch (error) {
    if (error instanceof Unusable) return Result.fail(error.message)
    throw error
  }
}

const read = (written: string): DatabaseAddress => {
  const url =
    URL.parse(written) ??
    fail("it is no URL; a password's special characters are written in per cent, and one host is named")
  if (!/^postgres(ql)?:$/.test(url.protocol)) fail("it starts with postgres:// or postgresql://")
  const query = url.searchParams
  const unknown = [...query.keys()].filter((name) => !known.has(name))
  if (unknown.length > 0) fail(`it has ${unknown.join(", ")}, which is not known here`)
  const plain = (text: string) => {
    try {
      return decodeURIComponent(text) || undefined
    } catch {
      return fail("a per cent sign in it is followed by no two digits")
    }
  }
  const host = query.get("host") ?? plain(url.hostname.replace(/^\[(.*)\]$/, "$1")) ?? "localhost"
  if (host.includes(",")) fail("it names several hosts; name one, or an address that moves with the primary")
  const port = wholeNumber(query, "port", 65_535) ?? (url.port === "" ? 5432 : Number(url.port))
  const seconds = wholeNumber(query, "connect_timeout", 3_600)
  const username = query.get("user") ?? plain(url.username)
  const database = query.get("dbname") ?? plain(url.pathname.slice(1)) ?? username
  return {
    place: `${host.includes(":") ? `[${host}]` : host}:${port}/${database ?? ""}`,
    connection: {
      host,
      port,
      ...{ username, database, password: query.get("password") ?? plain(url.password) },
      options: query.get("options") ?? undefined,
      connectTimeout: `${seconds === undefined || seconds === 0 ? 5 : seconds} seconds`,
    },
    tls: host.startsWith("/") ? { use: false, optional: false } : tlsOf(query),
  }
}

const wholeNumber = (query: URLSearchParams, name: string, most: number): number | undefined => {
  const written = query.get(name)
  if (written === null) return undefined
  const value = /^\d+$/.test(written) ? Number(written) : NaN
  return value <= most ? value : fail(`its ${name} is no whole number up to ${most}`)
}

/** As libpq: certificates are checked only where the mode says so, or `require` comes with a root certificate. */
const tlsOf = (query: URLSearchParams): DatabaseAddress["tls"] => {
  const mode =
    sslModes.find((one) => one === (query.get("sslmode") ?? "prefer")) ??
    fail(`its sslmode is none of ${sslModes.join(", ")}`)
  if (mode === "disable") return { use: false, optional: false }
  const file = (name: string) => {
    const path = query.get(name)
    if (path === null) return undefined
    try {
      return readFileSync(path)
    } catch (error) {
      return fail(`its ${name} cannot be read: ${(error as Error).message}`)
    }
  }
  const root = query.get("sslrootcert") === "system" ? undefined : file("sslrootcert")
  const isVerified = mode.startsWith("verify") || (mode === "require" && root !== undefined)
  const use: ConnectionOptions = {
    rejectUnauthorized: isVerified,
    // Names are compared by `verify-full` alone, and by whoever trusts every authority of the system.
    ...(mode === "verify-full" || query.get("sslrootcert") === "system"
      ? {}
      : { checkServerIdentity: () => undefined }),
    ...(root === undefined ? {} : { ca: root }),
    ...{ cert: file("sslcert"), key: file("sslkey"), passphrase: query.get("sslpassword") ?? undefined },
  }
  return { use, optional: mode === "prefer" || mode === "allow" }
}
