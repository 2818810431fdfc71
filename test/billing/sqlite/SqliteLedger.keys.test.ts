import { assert, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Ledger } from "../../../src/billing/Ledger.ts"
import * as SqliteLedger from "../../../src/billing/sqlite/SqliteLedger.ts"
import { hundred } from "../../support/billing.ts"
import { chargeIn } from "../../support/ledgers.ts"

/** As another process does it. */
const raw = (path: string, sql: string) => {
  const db = new DatabaseSync(path)
  try {
    db.exec(sql)
  } finally {
    db.close()
  }
}

interface Opened {
  readonly path: string
  readonly ledger: Ledger["Service"]
  readonly charge: Effect.Effect<unknown, unknown>
  readonly known: Effect.Effect<string, unknown>
}

/** A ledger with one key, of which `known` says what the ledger says. */
const withKey = <A, E, R>(use: (opened: Opened) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-ledger-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true })),
    )
    const path = join(folder, "ledger.sqlite")
    const context = yield* Layer.build(SqliteLedger.layerAt({ path, currency: "usd" }))
    const ledger = context.mapUnsafe.get(Ledger.key) as Ledger["Service"]
    yield* ledger.run("openAccount", { id: "a", name: "A", terms: { kind: "metered", monthlyCap: null }, now: 1 })
    const limits = { requestsPerMinute: null, charactersPerMinute: null, monthlyCap: null }
    const key = { id: "k", accountId: "a", name: "K", hint: "…", hash: "h", expiresAt: null, limits, now: 1 }
    yield* ledger.run("addKey", key)
    const known = Effect.map(ledger.run("keyByHash", { hash: "h" }), (found) =>
      [found?.key.name, found?.key.revokedAt ?? "good", found?.accountState].join(" "),
    )
    const charge = chargeIn(ledger, {
      ...{ holdId: "hold", accountId: "anonymous", keyId: null, usage: hundred, expiresAt: 100, idempotency: null },
      ...{ served: "HIT", now: 2 },
    })
    return yield* use({ path, ledger, charge, known })
  })

it.effect("a key that was asked for a moment ago is known, until it is revoked or its account is stopped", () =>
  withKey(({ known, ledger, path }) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* known, "K good open")
      raw(path, "UPDATE keys SET name = 'L'")
      assert.strictEqual(yield* known, "K good open")
      yield* ledger.run("changeAccountState", { id: "a", state: "frozen", now: 2 })
      assert.strictEqual(yield* known, "L good frozen")
      yield* ledger.run("revokeKey", { id: "k", now: 3 })
      assert.strictEqual(yield* known, "L 3 frozen")
    }),
  ),
)

it.effect("what another process does to a key is known with the next charge, and after a second", () =>
  withKey(({ charge, known, path }) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* known, "K good open")
      raw(path, "UPDATE keys SET revoked_at = 5")
      yield* charge
      assert.strictEqual(yield* known, "K 5 open")
      raw(path, "UPDATE keys SET revoked_at = NULL")
      assert.strictEqual(yield* known, "K 5 open")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* known, "K good open")
    }),
  ),
)
