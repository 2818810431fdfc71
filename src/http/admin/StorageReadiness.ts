import { Effect, type PlatformError } from "effect"
import { Billing } from "../../billing/Billing.ts"
import type { BillingError } from "../../billing/BillingError.ts"
import { FreeBytes } from "../../cache/Reserve.ts"
import { Scratch } from "../../scratch/Scratch.ts"
import type { ScratchFolder } from "../../scratch/ScratchFolder.ts"
import { Settings } from "../../Settings.ts"
import { cachedFor } from "../../telemetry/Elapsed.ts"

/** How long an answer is believed, and waited for. */
const believedFor = "1 second"
const patience = "2 seconds"

/** With less than this the next upload or entry of the ledger may find no room. */
const leastBytes = 1_048_576

const ready = { ready: true } as const
const unready = (reason: string) => ({ ready: false, reason })

/** A word, not a path: readiness is open to everybody. */
const wordOf = (error: PlatformError.PlatformError): string => {
  const cause = error.reason.cause as { readonly code?: unknown } | undefined
  return typeof cause?.code === "string" ? cause.code : error.reason._tag
}

const ledgerWord = ({ reason }: BillingError): string =>
  reason._tag === "LedgerUnavailable" ? `Ledger${reason.kind[0]!.toUpperCase()}${reason.kind.slice(1)}` : reason._tag

const inTime = <A>(check: Effect.Effect<A>) =>
  Effect.timeoutOrElse(check, { duration: patience, orElse: () => Effect.succeed(unready("TimedOut")) })

/** Folders that were removed are made again by the question. */
const checkFolders = (folders: ReadonlyArray<ScratchFolder>) =>
  Effect.forEach(folders, (folder) => folder.check, { discard: true }).pipe(
    Effect.match({ onSuccess: () => ready, onFailure: (error) => unready(wordOf(error)) }),
  )

/** Whether what every request writes to can be written to; asked at most once a second. */
export const makeStorageReadiness = Effect.gen(function* () {
  const billing = yield* Billing
  const freeBytes = yield* FreeBytes
  const { cache, recordings, uploads } = yield* Scratch
  const { dataDir } = yield* Settings

  const ledger = Effect.match(billing.check, {
    onSuccess: () => ready,
    onFailure: (error) => unready(ledgerWord(error)),
  })
  const data = Effect.gen(function* () {
    const free = yield* freeBytes(dataDir)
    return free !== undefined && free < leastBytes ? unready("DiskFull") : yield* checkFolders([uploads, recordings])
  })
  const all = { ledger: inTime(ledger), data: inTime(data), cache: inTime(checkFolders([cache])) }
  return yield* cachedFor(Effect.all(all, { concurrency: 3 }), believedFor)
})
