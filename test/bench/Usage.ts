import { readdirSync, readFileSync } from "node:fs"

/**
 * Nanoseconds that all threads of a process have computed, in user code and in the kernel. Threads that have ended are not among them:
 * a program that is measured keeps its threads.
 */
export const cpuNanos = (pid: number): number => {
  let sum = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      sum += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ", 1)[0])
    } catch {
      // It ended since it was listed.
    }
  }
  return sum
}
