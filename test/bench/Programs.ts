import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"

/** A program that listens, in a process of its own. */
export interface Program {
  readonly name: string
  readonly url: string
  readonly pid: number
  readonly output: () => string
  /** Throws what it has printed, if it has ended. */
  readonly mustRun: () => void
  readonly signal: (signal: NodeJS.Signals) => void
}

interface Options {
  readonly command: ReadonlyArray<string>
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Where it listens, for a program that does not print it. */
  readonly url?: string
}

/** Characters of a program's output that are kept, for when it fails. */
const keptOutput = 20_000

/** Starts programs, and ends those that are left. */
export class Programs implements AsyncDisposable {
  readonly #running = new Set<ReturnType<typeof spawn>>()

  /** Waits until it listens: until it prints `listening on <url>`, or answers at `url`. */
  async start(name: string, { command: [file, ...args], cwd, env, url }: Options): Promise<Program> {
    const child = spawn(file!, args, { stdio: ["ignore", "pipe", "pipe"], cwd, env: { ...process.env, ...env } })
    this.#running.add(child)
    let output = ""
    const ended = once(child, "close").then(() => {
      this.#running.delete(child)
      throw new Error(`${name} ended:\n${output}`)
    })
    // One that is ended on purpose is no failure.
    ended.catch(() => {})
    const printed = new Promise<string>((resolve) => {
      const read = (text: string) => {
        output = (output + text).slice(-keptOutput)
        const found = /listening on (http:\S+)/.exec(output)?.[1]
        if (found !== undefined) resolve(found)
      }
      child.stdout.setEncoding("utf8").on("data", read)
      child.stderr.setEncoding("utf8").on("data", read)
    })
    const listening = url === undefined ? printed : answers(url)
    return {
      name,
      url: await Promise.race([listening, ended]),
      pid: child.pid!,
      output: () => output,
      mustRun: () => {
        if (!this.#running.has(child)) throw new Error(`${name} has ended:\n${output}`)
      },
      signal: (signal) => void child.kill(signal),
    }
  }

  /** Starts one of the programs beside this file. */
  node(name: string, script: string, args: ReadonlyArray<string> = []): Promise<Program> {
    const path = fileURLToPath(new URL(script, import.meta.url))
    return this.start(name, { command: [process.execPath, path, ...args] })
  }

  async stop(program: Program): Promise<void> {
    const child = [...this.#running].find(({ pid }) => pid === program.pid)
    if (child !== undefined) await end(child)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#running, end))
  }
}

/** Milliseconds that a program may take to stop in peace. */
const stopMillis = 5_000

/** As a user ends it: what it keeps for its next start is there then. */
const end = async (child: ReturnType<typeof spawn>): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, "close")
  child.kill("SIGTERM")
  const late = setTimeout(() => child.kill("SIGKILL"), stopMillis)
  await closed
  clearTimeout(late)
}

const answers = async (url: string): Promise<string> => {
  for (;;) {
    try {
      await (await fetch(url)).arrayBuffer()
      return url
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
