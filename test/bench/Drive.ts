import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { Program } from "./Programs.ts"
import { cpuNanos } from "./Usage.ts"
import { reserveTexts } from "./Voice.ts"

const run = promisify(execFile)
const script = fileURLToPath(new URL("drive.lua", import.meta.url))

/**
 * What a program is asked.
 *
 * @property body may hold `newName`, which is then another one in every request
 * @property bodyFile path of a body that is not JSON
 */
export interface Asked {
  readonly program: Program
  readonly path: string
  readonly body?: object
  readonly bodyFile?: string
  readonly contentType?: string
  readonly key?: string
  readonly method?: "GET" | "POST"
}

/**
 * How it is asked.
 *
 * @property clients that ask at once
 * @property pause milliseconds between an answer and the next request of the same client
 * @property keepAlive whether a client keeps its connection; otherwise every request comes on one of its own
 */
export interface Load {
  readonly clients: number
  readonly pause: number
  readonly keepAlive: boolean
}

/** As many as there are when people are spoken to: each comes on a connection of its own and does not come again at once. */
export const calm: Load = { clients: 4, pause: 20, keepAlive: false }

/** The same from more clients, which warms a program up in less time: as fast as it goes, its memory would grow to another size. */
export const brisk: Load = { ...calm, clients: 16 }

/** As fast as it goes. */
export const full: Load = { clients: 8, pause: 0, keepAlive: true }

/**
 * How one turn went.
 *
 * @property cpuMicros that the program computed for a request
 * @property p50 milliseconds
 */
export interface Turn {
  readonly requests: number
  readonly perSecond: number
  readonly cpuMicros: number
  readonly bytes: number
  readonly p50: number
}

/** Stands in a body for letters that no other request has. */
export const newName = "@@@@@@@"

/** A busy machine may not get through one request in a turn. That turn is made longer. */
const longestTurn = 30

/** Asks a program as often as it answers for so many seconds, and looks how much it computes for that. */
export const drive = async (asked: Asked, load: Load, seconds: number): Promise<Turn> => {
  const turn = await driveOnce(asked, load, seconds)
  return turn.requests > 0 || seconds > longestTurn ? turn : drive(asked, load, 2 * seconds)
}

const driveOnce = async (asked: Asked, load: Load, seconds: number): Promise<Turn> => {
  const { program, path, body, bodyFile = "", contentType = "application/json", key = "", method = "POST" } = asked
  const text = body === undefined ? "" : JSON.stringify(body)
  const before = cpuNanos(program.pid)
  const { stdout } = await run(
    "wrk",
    ["-t", "1", "-c", String(load.clients), "-d", `${seconds}s`, "--timeout", "30s", "-s", script, program.url + path],
    {
      env: {
        ...process.env,
        BENCH_BODY: text,
        BENCH_BODY_FILE: bodyFile,
        BENCH_CONTENT_TYPE: contentType,
        BENCH_KEY: key,
        BENCH_METHOD: method,
        BENCH_PAUSE: String(load.pause),
        BENCH_CLOSE: load.keepAlive ? "no" : "yes",
        BENCH_FROM: String(text.includes(newName) ? reserveTexts() : -1),
      },
    },
  )
  program.mustRun()
  const nanos = cpuNanos(program.pid) - before
  const done = JSON.parse(stdout.trim().split("\n").at(-1)!)
  if (done.failed > 0)
    throw new Error(
      `${program.name} failed ${done.failed} of ${done.requests} requests:\n${stdout}\n${program.output()}`,
    )
  return {
    requests: done.requests,
    perSecond: (done.requests * 1e6) / done.micros,
    cpuMicros: nanos / 1_000 / done.requests,
    bytes: done.bytes / done.requests,
    p50: done.p50 / 1_000,
  }
}
