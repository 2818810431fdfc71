import { readdirSync, readFileSync, writeFileSync } from "node:fs"

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

/** Resident bytes: now, and the most there have been since the process began or `forgetPeak`. */
export const memoryOf = (pid: number) => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1_024
  return { now: bytes("VmRSS"), peak: bytes("VmHWM") }
}

/** The peak is what is there now. */
export const forgetPeak = (pid: number): void => writeFileSync(`/proc/${pid}/clear_refs`, "5")
