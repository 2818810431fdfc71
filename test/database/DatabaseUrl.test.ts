import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readDatabaseUrl } from "../../src/database/DatabaseUrl.ts"

const read = (url: string) => Result.getOrThrow(readDatabaseUrl(url))
const why = (url: string) => Result.getOrThrow(Result.flip(readDatabaseUrl(url)))

it("a URL is read as libpq reads it, and shown without its password", () => {
  const { connection, place } = read("postgresql://a%40b:s%2Fecret@db.lan:6000/books?connect_timeout=3&options=-c%20x")
  const { host, port, username, password, database, options, connectTimeout } = connection
  assert.deepStrictEqual([host, port, username, password, database], ["db.lan", 6000, "a@b", "s/ecret", "books"])
  assert.deepStrictEqual([options, connectTimeout, place], ["-c x", "3 seconds", "db.lan:6000/books"])
  assert.deepInclude(read("postgres://a@localhost/?host=/run/postgresql&dbname=b").connection, {
    host: "/run/postgresql",
    port: 5432,
    database: "b",
  })
  // Who is not said to want another database has one of his own name.
  assert.strictEqual(read("postgres://a@h").connection.database, "a")
})

describe("sslmode", () => {
  const tls = (query: string) => read(`postgres://a@db.lan/b${query}`).tls

  it("encrypts without checking where it can, unless it says otherwise", () => {
    assert.deepInclude(tls(""), { optional: true })
    assert.deepInclude(tls("").use, { rejectUnauthorized: false })
    assert.deepStrictEqual(tls("?sslmode=disable"), { use: false, optional: false })
    assert.deepInclude(tls("?sslmode=require"), { optional: false })
    assert.deepInclude(tls("?sslmode=require").use, { rejectUnauthorized: false })
  })

  it("checks the authority with verify-ca, and with require and a root certificate; the name with verify-full alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "aviary-tls-"))
    const root = join(folder, "root.crt")
    writeFileSync(root, "a certificate")
    const checked = (query: string) => {
      const { use } = tls(query)
      return use === false ? undefined : [use.rejectUnauthorized, use.checkServerIdentity === undefined]
    }
    assert.deepStrictEqual(checked(`?sslmode=verify-ca&sslrootcert=${root}`), [true, false])
    assert.deepStrictEqual(checked(`?sslmode=require&sslrootcert=${root}`), [true, false])
    assert.deepStrictEqual(checked(`?sslmode=verify-full&sslrootcert=${root}`), [true, true])
    assert.deepInclude(tls(`?sslmode=verify-full&sslrootcert=${root}`).use, { ca: Buffer.from("a certificate") })
    rmSync(folder, { recursive: true })
  })
})

it("what cannot be used says why, and nothing of the password", () => {
  const refusals = [
    ["postgres://a:secret@one,two/b", "several hosts"],
    ["postgres://a:secret@h/b?sslmode=perhaps", "sslmode is none of disable, allow, prefer"],
    ["postgres://a:secret@h/b?sslmode=verify-ca&sslrootcert=/nowhere", "sslrootcert cannot be read: ENOENT"],
    ["postgres://a:secret@h/b?connect_timeout=soon", "connect_timeout is no whole number"],
    ["postgres://a:secret@h/b?timeout=1", "it has timeout, which is not known here"],
    ["postgres://a:%zz@h/b", "per cent sign"],
    ["postgres://a:sec ret@h:x/b", "it is no URL"],
    ["mysql://a:secret@h/b", "postgres://"],
  ] as const
  for (const [url, words] of refusals) {
    assert.include(why(url), words)
    assert.notInclude(why(url), "secret")
  }
})
