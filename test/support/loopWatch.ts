// Watches a gateway's process from within: `node --import loopWatch.ts program/main.js`, which loads it into every thread. Each
// SIGUSR2 prints one line, `watched {…}`, about the time since the one before. Times in milliseconds:
//
// - `p50`, `p99`, `max`: the event loop's delay.
// - `computing`: the longest that the loop computed without a turn for its timers. Unlike a delay it counts no time in which
//   another had the processor.
// - `written`: the most bytes that were written to sockets between one turn and the next.
// - `commits`: transactions that the ledger's thread has committed.
import { Socket } from "node:net"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { BroadcastChannel, isMainThread } from "node:worker_threads"
import { aroundCommits } from "./ledgerCommits.ts"

const channel = new BroadcastChannel("aviary-test-commits")
channel.unref()

const longestTurn = () => {
  const computed = () => {
    const { system, user } = process.threadCpuUsage()
    return (user + system) / 1e3
  }
  let worst = 0
  let last = computed()
  setInterval(() => {
    const now = computed()
    worst = Math.max(worst, now - last)
    last = now
  }, 1).unref()
  return () => {
    const answer = worst
    worst = 0
    return answer
  }
}

const mostWritten = () => {
  let worst = 0
  let sum = 0
  const { write } = Socket.prototype
  Socket.prototype.write = function (this: Socket, chunk: string | Uint8Array, ...rest: ReadonlyArray<unknown>) {
    if (sum === 0) {
      setImmediate(() => {
        worst = Math.max(worst, sum)
        sum = 0
      })
    }
    sum += chunk.length
    return Reflect.apply(write, this, [chunk, ...rest])
  }
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
  const computing = longestTurn()
  const written = mostWritten()
  process.on("SIGUSR2", () => {
    const ms = (nanoseconds: number) => nanoseconds / 1e6
    const delays = { p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) }
    process.stdout.write(
      `watched ${JSON.stringify({ ...delays, computing: computing(), written: written(), commits })}\n`,
    )
    delay.reset()
    commits = 0
  })
} else {
  aroundCommits({ after: () => channel.postMessage(null) })
}
