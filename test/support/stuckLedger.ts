// Lets a ledger's thread hang, as on a disk that answers no more: `node --import stuckLedger.ts program/main.js`, which loads it into
// every thread. Once the file named by STUCK_LEDGER is there, a transaction stands still before its commit, and `<file>.reached`
// says that one does.
import { existsSync, writeFileSync } from "node:fs"
import { isMainThread } from "node:worker_threads"
import { aroundCommits } from "./ledgerCommits.ts"

const file = process.env["STUCK_LEDGER"]

if (!isMainThread && file !== undefined) {
  aroundCommits({
    before: () => {
      if (!existsSync(file)) return
      writeFileSync(`${file}.reached`, "")
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    },
  })
}
