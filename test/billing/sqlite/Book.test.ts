import { expect, it, vi } from "vitest"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { openBook } from "../../../src/billing/sqlite/Book.ts"

// What survives when the power goes no test can see; how SQLite is told to write, this one does.
it("syncs its log with each commit", () => {
  const folder = mkdtempSync(join(tmpdir(), "aviary-book-"))
  const close = DatabaseSync.prototype.close
  const told: Array<unknown> = []
  const spy = vi.spyOn(DatabaseSync.prototype, "close").mockImplementation(function (this: DatabaseSync) {
    for (const name of ["journal_mode", "synchronous"]) told.push(this.prepare(`PRAGMA ${name}`).get()?.[name])
    close.call(this)
  })
  try {
    openBook({ path: join(folder, "ledger.sqlite"), currency: "usd" }).close()
    expect(told).toEqual(["wal", 2])
  } finally {
    spy.mockRestore()
    rmSync(folder, { recursive: true })
  }
})
