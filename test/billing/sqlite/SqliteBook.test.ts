import { expect, it } from "vitest"
import fs, { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { syncBuiltinESMExports } from "node:module"
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

/** What is synced while `run` runs, by inode; `instead` is done in its place. */
const syncing = (run: (synced: ReadonlyArray<number>) => void, instead = (_file: number): void => {}) => {
  const synced: Array<number> = []
  const { fdatasyncSync } = fs
  fs.fdatasyncSync = (file) => {
    instead(file)
    synced.push(fs.fstatSync(file).ino)
  }
  syncBuiltinESMExports()
  try {
    run(synced)
  } finally {
    fs.fdatasyncSync = fdatasyncSync
    syncBuiltinESMExports()
  }
}

// What survives when the power goes no test can see; what the disk is told to keep, this one does.
it("syncs its log with each commit, but for holds, which the next charge takes along", () =>
  inFolder((path) =>
    syncing((synced) => {
      const book = openBook({ path, currency: "usd" })
      const told = () => [synced.length, book.commits()]
      expect(told()).toEqual([0, 0])
      book.apply([account("a", "A")])
      expect(told()).toEqual([1, 1])
      expect(synced).toEqual([fs.statSync(`${path}-wal`).ino])
      const hold = { holdId: "h", accountId: "a", keyId: null, usage: hundred, expiresAt: 9, idempotency: null, now: 1 }
      expect(book.apply([{ name: "reserve", input: hold }])).toMatchObject([{ answer: { state: "held" } }])
      expect(told()).toEqual([1, 1])
      const settle: Asked = { name: "settle", input: { holdId: "h", served: "MISS", outcome: null, now: 2 } }
      book.apply([{ name: "renew", input: { holdId: "h", expiresAt: 10, now: 2 } }, settle])
      expect(told()).toEqual([2, 2])
      book.close()
    }),
  ))

it("answers that it cannot be known where the log is not synced, and makes it once when asked again", () =>
  inFolder((path) => {
    let broken = false
    const fails = () => {
      if (broken) throw new Error("EIO: i/o error, fdatasync")
    }
    syncing(() => {
      const book = openBook({ path, currency: "usd" })
      book.apply([account("a", "A")])
      broken = true
      const input = {
        holdId: "h",
        accountId: "a",
        keyId: null,
        usage: hundred,
        expiresAt: 9,
        idempotency: null,
        now: 1,
      }
      const charge: Asked = { name: "charge", input: { ...input, served: "HIT" } }
      expect(book.apply([charge])).toMatchObject([{ refused: { kind: "lost", message: "EIO: i/o error, fdatasync" } }])
      broken = false
      expect(book.apply([charge])).toMatchObject([{ answer: { settlement: { replayed: true } } }])
      expect(book.apply([{ name: "statement", input: { accountId: "a", before: null, limit: 9 } }])).toMatchObject([
        { answer: [{ kind: "charge" }] },
      ])
      book.close()
    }, fails)
  }))
