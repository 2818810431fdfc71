import { expect, it, vi } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { Asked } from "../../../src/billing/Operations.ts"
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

// What survives when the power goes no test can see; how SQLite is pragmas to write, this one does.
it("syncs its log with each commit", () =>
  inFolder((path) => {
    const close = DatabaseSync.prototype.close
    const pragmas: Array<unknown> = []
    const spy = vi.spyOn(DatabaseSync.prototype, "close").mockImplementation(function (this: DatabaseSync) {
      for (const name of ["journal_mode", "synchronous"]) pragmas.push(this.prepare(`PRAGMA ${name}`).get()?.[name])
      close.call(this)
    })
    try {
      openBook({ path, currency: "usd" }).close()
    } finally {
      spy.mockRestore()
    }
    expect(pragmas).toEqual(["wal", 2])
  }))
