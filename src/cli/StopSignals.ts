import { Deferred, Effect } from "effect"
import { exitNow } from "../workers/NativeCalls.ts"

/** A terminal and npm pass on one Ctrl-C twice, and some supervisors send two signals at once: that is one. */
const oneSignalMillis = 500

const stop = Deferred.makeUnsafe<void>()
const hurry = Deferred.makeUnsafe<void>()

/** Waits until somebody tells the process to stop. */
export const stopped: Effect.Effect<void> = Deferred.await(stop)

/** Waits until somebody who already told the process to stop tells it again. */
export const hurried: Effect.Effect<void> = Deferred.await(hurry)

/**
 * Makes SIGHUP and SIGQUIT stop the process as SIGTERM and SIGINT do, for whoever heeds those. The second signal is
 * `hurried`; the third ends the process at once. SIGUSR1 does nothing, where Node would open its inspector to everybody on
 * the machine.
 */
export const heedSignals = (): void => {
  const told: Array<number> = []
  const heed = () => {
    const now = performance.now()
    if (told.length > 0 && now - told.at(-1)! < oneSignalMillis) return
    told.push(now)
    if (told.length === 1) Deferred.doneUnsafe(stop, Effect.void)
    if (told.length === 2) Deferred.doneUnsafe(hurry, Effect.void)
    if (told.length === 3) exitNow(1)
  }
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, heed)
  for (const signal of ["SIGHUP", "SIGQUIT"] as const) process.on(signal, () => void process.emit("SIGTERM"))
  process.on("SIGUSR1", () => {})
}
