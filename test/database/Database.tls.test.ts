// What stands between a gateway and its database is a network. With `sslmode=verify-full` nobody on it reads what is said, and nobody can
// stand in for the database: tried with a real server and an authority of its own.
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Database } from "../../src/database/Database.ts"
import { databaseAt, giveToServer, startPostgres } from "../support/postgres.ts"

const openssl = (...args: ReadonlyArray<string>) => void execFileSync("openssl", args, { stdio: "ignore" })
const days = ["-days", "2"]
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

/** Two authorities, one of which vouches for a server that is called localhost, and not by its address. */
const certificates = Effect.acquireRelease(
  Effect.sync(() => {
    const folder = mkdtempSync(join(tmpdir(), "aviary-tls-"))
    const at = (name: string) => join(folder, name)
    for (const one of ["ours", "theirs"])
      openssl("req", "-x509", ...newKey, "-subj", `/CN=${one}`, ...days, "-keyout", at(`${one}.key`), "-out", at(one))
    openssl("req", ...newKey, "-subj", "/CN=localhost", "-keyout", at("server.key"), "-out", at("server.csr"))
    const names = ["-addext", "subjectAltName=DNS:localhost"]
    openssl(
      "req",
      "-x509",
      "-CA",
      at("ours"),
      "-CAkey",
      at("ours.key"),
      "-key",
      at("server.key"),
      "-subj",
      "/CN=localhost",
      ...names,
      ...days,
      "-out",
      at("server"),
    )
    giveToServer([folder, at("server"), at("server.key")])
    return { folder, at }
  }),
  ({ folder }) => Effect.sync(() => rmSync(folder, { recursive: true })),
)

it.live(
  "a connection is encrypted and its server known, as far as sslmode says",
  () =>
    Effect.gen(function* () {
      const { at } = yield* certificates
      const server = yield* startPostgres([
        "ssl=on",
        `ssl_cert_file=${at("server")}`,
        `ssl_key_file=${at("server.key")}`,
      ])
      const url = yield* server.database
      const isEncrypted = (host: string, query: string) =>
        Effect.flatMap(Database, ({ query }) => query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).pipe(
          Effect.map(([row]) => row!["ssl"]),
          Effect.provide(databaseAt(`${url.replace("127.0.0.1", host)}?${query}`)),
          Effect.scoped,
          Effect.catch((error) => Effect.succeed((error as Error).message)),
        )
      const [ours, theirs] = [`sslrootcert=${at("ours")}`, `sslrootcert=${at("theirs")}`]
      assert.strictEqual(yield* isEncrypted("localhost", `sslmode=verify-full&${ours}`), true)
      assert.strictEqual(yield* isEncrypted("127.0.0.1", `sslmode=verify-ca&${ours}`), true)
      assert.strictEqual(yield* isEncrypted("127.0.0.1", "sslmode=require"), true)
      assert.strictEqual(yield* isEncrypted("127.0.0.1", "sslmode=prefer"), true)
      assert.strictEqual(yield* isEncrypted("127.0.0.1", "sslmode=disable"), false)
      assert.match(
        String(yield* isEncrypted("127.0.0.1", `sslmode=verify-full&${ours}`)),
        /cannot be used: .*127\.0\.0\.1/,
      )
      for (const mode of ["verify-full", "verify-ca", "require"])
        assert.match(
          String(yield* isEncrypted("localhost", `sslmode=${mode}&${theirs}`)),
          /cannot be used: .*certificate/,
        )
    }).pipe(Effect.scoped),
  { timeout: 120_000 },
)
