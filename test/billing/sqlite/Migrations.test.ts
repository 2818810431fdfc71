import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Path } from "effect"
import { NodeServices } from "@effect/platform-node"
import { DatabaseSync } from "node:sqlite"
import { noLimits } from "../../../src/billing/ApiKey.ts"
import { Ledger } from "../../../src/billing/Ledger.ts"
import { migrate } from "../../../src/billing/sqlite/Migrations.ts"
import * as SqliteLedger from "../../../src/billing/sqlite/SqliteLedger.ts"

it.live("brings an older ledger's keys up to date: none goes before another", () =>
  Effect.gen(function* () {
    const folder = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped({ prefix: "aviary-ledger-" })
    const path = (yield* Path.Path).join(folder, "ledger.sqlite")
    const old = new DatabaseSync(path)
    migrate(old, 5)
    old.exec(`
      INSERT INTO meta VALUES ('currency', 'usd');
      INSERT INTO keys VALUES ('key_1', 'anonymous', 'old', 'abcd', 'hash', 1, NULL, NULL, NULL, NULL, NULL);
    `)
    old.close()
    yield* Effect.gen(function* () {
      const ledger = yield* Ledger
      const key = { accountId: "anonymous", name: "new", hint: "", expiresAt: null, limits: noLimits, now: 2 }
      yield* ledger.run("addKey", { ...key, id: "key_2", hash: "other", priority: "live" })
      const keys = yield* ledger.run("keys", { accountId: null })
      assert.deepStrictEqual(
        keys.map(({ id, priority }) => [id, priority]),
        [
          ["key_1", "normal"],
          ["key_2", "live"],
        ],
      )
    }).pipe(Effect.provide(SqliteLedger.layerAt({ path, currency: "usd" })))
  }).pipe(Effect.provide(NodeServices.layer)),
)
