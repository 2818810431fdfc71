import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Worker } from "node:worker_threads"

/**
 * A worker that is started once.
 *
 * - `lost`: whether it is gone.
 * - `reason`: what it said last, of one that is gone and of which that is known.
 */
export interface Started {
  readonly spawn: () => Worker | ChildProcess
  readonly lost: () => boolean
  readonly reason: () => Promise<string | undefined>
  readonly stop: () => Promise<unknown>
}

/** Characters of what a process wrote to its standard error that are kept: its last lines say why it ended. */
const lastWords = 2_000

/** A worker that is a process of its own. `data` is what `handed` of `WorkerServer` gives it. */
export const startProcess = (url: URL, data: object): Started => {
  let lost = false
  let said = ""
  let child: ChildProcess | undefined
  const silent = Promise.withResolvers<void>()
  return {
    spawn: () => {
      child = fork(fileURLToPath(url), [JSON.stringify(data)], {
        serialization: "advanced",
        execArgv: [],
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      })
      child.stderr!.on("data", (bytes: Buffer) => {
        said = `${said}${bytes.toString("utf8")}`.slice(-lastWords)
      })
      child.once("exit", () => {
        lost = true
      })
      child.once("close", silent.resolve)
      return child
    },
    lost: () => lost,
    reason: async () => {
      if (!lost) return undefined
      await silent.promise
      return said.trim().split("\n").at(-1)
    },
    stop: () => Promise.resolve(child?.kill("SIGKILL")),
  }
}
