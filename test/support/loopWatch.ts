// Watches a gateway's process from within: `node --import loopWatch.ts src/main.ts`, which loads it into every thread. Each
// SIGUSR2 prints one line, `watched {…}`, about the time since the one before. Times in milliseconds:
//
// - `p50`, `p99`, `max`: the event loop's delay.
// - `own`: the longest delay without the time that the loop's thread was ready to run and another had the processor. It is
//   what the process itself, computing or blocked, made of it. Absent where there is no Linux to say so.
// - `commits`: transactions that the ledger's thread has committed.
import { readFileSync } from "node:fs"
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import { DatabaseSync } from "node:sqlite"
import { BroadcastChannel, isMainThread } from "node:worker_threads"

const channel = new BroadcastChannel("aviary-test-commits")
channel.unref()

/** How long this thread has waited for a processor: https://docs.kernel.org/scheduler/sched-stats.html */
const waited = () => Number(readFileSync("/proc/thread-self/schedstat", "latin1").split(" ")[1]) / 1e6

const ownDelay = () => {
  const tick = 2
  let worst = 0
  let last = { at: performance.now(), waited: waited() }
  setInterval(() => {
    const now = { at: performance.now(), waited: waited() }
    worst = Math.max(worst, now.at - last.at - (now.waited - last.waited) - tick)
    last = now
  }, tick).unref()
  return () => {
    const answer = worst
    worst = 0
    return answer
  }
}

if (isMainThread) {
  let commits = 0
  channel.onmessage = () => commits++
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const own = process.platform === "linux" ? ownDelay() : () => undefined
  process.on("SIGUSR2", () => {
    const ms = (nanoseconds: number) => nanoseconds / 1e6
    const delays = { p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) }
    console.log(`watched ${JSON.stringify({ ...delays, own: own(), commits })}`)
    delay.reset()
    commits = 0
  })
} else {
  const { exec } = DatabaseSync.prototype
  DatabaseSync.prototype.exec = function (sql) {
    exec.call(this, sql)
    if (sql === "COMMIT") channel.postMessage(null)
  }
}
