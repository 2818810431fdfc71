import { Deferred, Effect } from "effect"
import { closeSync, openSync } from "node:fs"
import { exitNow } from "../workers/NativeCalls.ts"

/** A terminal and npm pass on one Ctrl-C twice, and some supervisors send two signals at once: that is one. */
const oneSignalMillis = 500

const stop = Deferred.makeUnsafe<void>()
const hurry = Deferred.makeUnsafe<void>()

/** Waits until somebody tells the process to stop. */
export const stopped: Effect.Effect<void> = Deferred.await(stop)

/** Waits until somebody who already told the process to stop tells it again. */
export const hurried: Effect.Effect<void> = Deferred.await(hurry)

let onHangup: (() => void) | undefined

/** From now on SIGHUP runs this, unless it says that the terminal has gone. */
export const heedHangups = (run: () => void): Effect.Effect<void> => Effect.sync(() => void (onHangup = run))

/** Whether the terminal that the process was started on is still there: closing it sends SIGHUP, too. */
const terminalIsThere = (): boolean => {
  try {
    closeSync(openSync("/dev/tty", "r"))
    return true
  } catch {
    return false
  }
}

/**
 * Makes SIGQUIT stop the process as SIGTERM and SIGINT do, for whoever heeds those, and SIGHUP where nobody else heeds it or the
 * terminal has gone. The second signal is `hurried`; the third ends the process at once. SIGUSR1 does nothing, where Node would open its inspector to everybody on
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
  const stopToo = () => void process.emit("SIGTERM")
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY
  process.on("SIGQUIT", stopToo)
  process.on("SIGHUP", () => {
    if (onHangup === undefined || (onTerminal && !terminalIsThere())) stopToo()
    else onHangup()
  })
  process.on("SIGUSR1", () => {})
}
