import { resolve } from "node:path"
import { type BillingReason, LedgerUnavailable } from "../BillingError.ts"

const elsewhere = "set AVIARY_DATA_DIR to another directory"

/** By kind; a mismatch says itself what to do. */
const advice: Record<LedgerUnavailable["kind"], string | undefined> = {
  corrupt: `Restore it from a backup, or move it away, or ${elsewhere}`,
  newer: `Start the newer Aviary that wrote it, or ${elsewhere}`,
  locked: `Stop the other program that keeps it locked, or ${elsewhere}`,
  full: `Make room on its disk, or ${elsewhere}`,
  failed: `Let this user read and write it and its directory, or ${elsewhere}`,
  mismatch: undefined,
  overloaded: undefined,
  lost: undefined,
}

/** Why the ledger at `path` does not open, for who starts the gateway: which file, what is wrong with it, what to do. */
export const cannotOpen = (path: string, reason: BillingReason): BillingReason => {
  if (!(reason instanceof LedgerUnavailable)) return reason
  const { kind, message } = reason
  const sentences = [`The ledger ${resolve(path)} cannot be used: ${message}`, advice[kind]].filter(Boolean)
  return new LedgerUnavailable({ kind, message: `${sentences.join(". ")}.` })
}
