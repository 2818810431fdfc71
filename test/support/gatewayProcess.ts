import { Deferred, Effect } from "effect"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** What `npm start`, the command `aviary` and the image run, as the source is now. Its first line has the options of Node. */
export const program = join(root, "program", "main.js")
execFileSync(process.execPath, [join(root, ".ci", "program.ts")], { stdio: ["ignore", "inherit", "inherit"] })

/** The Node that runs the tests runs the program. */
export const withThisNode = [dirname(process.execPath), process.env["PATH"]].join(delimiter)

/** How a process ended: by itself with `code`, or by `signal`. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * The gateway as its users run it: a process of its own.
 *
 * @property kill returns once it is gone
 * @property exited waits for its end
 * @property output everything it has printed
 * @property memory resident bytes: `now`, and the `peak` since it started
 */
export interface GatewayProcess {
  readonly url: string
  readonly port: number
  readonly pid: number
  readonly signal: (signal: NodeJS.Signals) => void
  readonly kill: Effect.Effect<Ended>
  readonly exited: Effect.Effect<Ended>
  readonly output: () => string
  readonly memory: () => { readonly now: number; readonly peak: number }
}

const memoryOf = (pid: number) => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1_024
  return { now: bytes("VmRSS"), peak: bytes("VmHWM") }
}

/**
 * Runs the program with `args` on a free port with `settings`, variables of the environment, and waits until it listens. It is killed with the scope. Both engines' URLs must be among the settings: the embedded ones take seconds to start.
 *
 * @param within a command that runs the one that follows it, such as `nsenter` with its options
 */
export const startProcess = Effect.fnUntraced(function* (
  settings: Record<string, string> & {
    readonly AVIARY_DATA_DIR: string
    readonly AVIARY_MAGPIE_URL: string
    readonly AVIARY_PARAKEET_URL: string
  },
  args: ReadonlyArray<string> = [],
  within: ReadonlyArray<string> = [],
) {
  const ended = yield* Deferred.make<Ended>()
  const listening = yield* Deferred.make<string, Error>()
  let output = ""
  const child: ChildProcess = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const inherited = Object.entries(process.env).filter(([name]) => !/^(AVIARY_|VITEST|NODE_OPTIONS)/.test(name))
      const [first, ...rest] = [...within, program] as const
      const started = spawn(first, [...rest, ...args], {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...Object.fromEntries(inherited), PATH: withThisNode, AVIARY_PORT: "0", ...settings },
      })
      const said = (text: string) => {
        output += text
        const url = /listening on (http:\S+)/.exec(output)?.[1]
        if (url !== undefined) Deferred.doneUnsafe(listening, Effect.succeed(url))
      }
      started.stdout.setEncoding("utf8").on("data", said)
      started.stderr.setEncoding("utf8").on("data", said)
      started.on("close", (code, signal) => {
        Deferred.doneUnsafe(ended, Effect.succeed({ code, signal }))
        Deferred.doneUnsafe(listening, Effect.die(`the gateway ended with ${code ?? signal}:\n${output}`))
      })
      return started
    }),
    (started) =>
      Effect.suspend(() => {
        started.kill("SIGKILL")
        return Deferred.await(ended)
      }),
  )
  const url = yield* Effect.orDie(Deferred.await(listening))
  const pid = child.pid!
  return {
    url,
    port: Number(new URL(url).port),
    pid,
    signal: (signal) => void child.kill(signal),
    kill: Effect.suspend(() => {
      child.kill("SIGKILL")
      return Deferred.await(ended)
    }),
    exited: Deferred.await(ended),
    output: () => output,
    memory: () => memoryOf(pid),
  } satisfies GatewayProcess
})
