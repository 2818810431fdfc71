import { expect, it, vi } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Asked } from "../../../src/billing/Operations.ts"
import { hundred } from "../../support/billing.ts"
import { openBook } from "../../../src/billing/sqlite/SqliteBook.ts"

const inFolder = (use: (path: string) => void) => {
  const folder = mkdtempSync(join(tmpdir(), "aviary-book-"))
  try {
    use(join(folder, "ledger.sqlite"))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const account = (id: string, name: string): Asked => ({
  name: "openAccount",
  input: { id, name, terms: { kind: "metered", monthlyCap: null }, now: 1 },
})

it("refuses all that was asked together when there is no room for all, and makes what there is room for", () =>
  inFolder((path) => {
    const book = openBook({ path, currency: "usd", maxPages: 60 })
    const full = { refused: { _tag: "LedgerUnavailable", kind: "full" } }
    expect(book.apply([account("a", "A"), account("b", "x".repeat(1_000_000))])).toMatchObject([full, full])
    expect(book.apply([account("c", "C")])).toMatchObject([{ answer: { id: "c" } }])
    expect(book.apply([{ name: "account", input: { id: "a", now: 1 } }])).toMatchObject([
      { refused: { _tag: "UnknownAccount" } },
    ])
    book.close()
  }))

// What survives when the power goes no test can see; how SQLite is told to write, this one does.
it("syncs its log with each commit, but for holds, which the next charge takes along", () =>
  inFolder((path) => {
    const spy = vi.spyOn(DatabaseSync.prototype, "prepare")
    try {
      const book = openBook({ path, currency: "usd" })
      const db = spy.mock.contexts[0] as DatabaseSync
      const pragma = (name: string) => db.prepare(`PRAGMA ${name}`).get()?.[name]
      const told = () => [pragma("synchronous"), book.commits()]
      expect([pragma("journal_mode"), ...told()]).toEqual(["wal", 2, 0])
      book.apply([account("a", "A")])
      expect(told()).toEqual([2, 1])
      const hold = { holdId: "h", accountId: "a", keyId: null, usage: hundred, expiresAt: 9, idempotency: null, now: 1 }
      expect(book.apply([{ name: "reserve", input: hold }])).toMatchObject([{ answer: { state: "held" } }])
      expect(told()).toEqual([1, 1])
      const settle: Asked = { name: "settle", input: { holdId: "h", served: "MISS", outcome: null, now: 2 } }
      book.apply([{ name: "renew", input: { holdId: "h", expiresAt: 10, now: 2 } }, settle])
      expect(told()).toEqual([2, 2])
      book.close()
    } finally {
      spy.mockRestore()
    }
  }))
