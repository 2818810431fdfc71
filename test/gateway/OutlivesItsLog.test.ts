/**
 * A log is for people; a gateway that ends because nobody can read it serves nobody. `aviary | head` closes the pipe, a log
 * file fills its disk, a log shipper stops reading. The gateway serves on, keeps the first lines, counts the others, and says
 * so when it can write again.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Schedule } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { countedNim } from "../support/countedNim.ts"
import { freePort } from "../support/freePort.ts"
import { program } from "../support/gatewayProcess.ts"
import { smallDisk, withoutMounts } from "../support/smallDisk.ts"

const statusOf = (url: string) =>
  Effect.tryPromise(async () => {
    const response = await fetch(url)
    return { status: response.status, text: await response.text() }
  })

/** A gateway whose standard output is what the test makes of it; it may break before the first line. */
const startWith = Effect.fnUntraced(function* (
  stdout: "pipe" | number,
  onStart: (child: ChildProcess) => void = () => {},
) {
  const fs = yield* FileSystem.FileSystem
  const nim = yield* countedNim()
  const port = yield* freePort
  const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-log-" })
  const inherited = Object.entries(process.env).filter(([name]) => !/^(AVIARY_|VITEST|NODE_OPTIONS)/.test(name))
  const child = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(process.execPath, [program], {
        stdio: ["ignore", stdout, "inherit"],
        env: {
          ...Object.fromEntries(inherited),
          AVIARY_PORT: String(port),
          AVIARY_DATA_DIR: dataDir,
          AVIARY_MAGPIE_URL: nim.url.href,
          AVIARY_PARAKEET_URL: nim.url.href,
        },
      }),
    ),
    (started) => Effect.sync(() => started.kill("SIGKILL")),
  )
  onStart(child)
  const url = `http://127.0.0.1:${port}`
  const running = Effect.suspend(() =>
    child.exitCode === null ? statusOf(`${url}/health/live`) : Effect.die(`it ended with ${child.exitCode}`),
  )
  yield* Effect.retry(running, Schedule.spaced("100 millis"))
  return { child, url, running }
})

layer(NodeServices.layer, { excludeTestServices: true })("OutlivesItsLog", (it) => {
  it.effect("the reader of its log goes away: it serves on, and stops as it is told", () =>
    Effect.gen(function* () {
      const { child, url, running } = yield* startWith("pipe", (started) => started.stdout!.destroy())
      for (let n = 0; n < 20; n++) expect((yield* statusOf(`${url}/v1/models`)).status).toBe(200)
      expect((yield* running).status).toBe(200)
      const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve([code, signal])))
      child.kill("SIGTERM")
      expect(yield* Effect.promise(() => ended)).toEqual([0, null])
    }),
  )

  it.effect.skipIf(withoutMounts)(
    "its log's disk is full: lines are dropped and counted, and once there is room it says so",
    () =>
      Effect.gen(function* () {
        const disk = yield* smallDisk("4m")
        const file = join(disk.directory, "log")
        const descriptor = openSync(file, "a")
        const { url } = yield* startWith(descriptor)
        closeSync(descriptor)
        disk.fill()
        // Each is told with its path: together more than waits for room.
        const long = `${url}/${"x".repeat(8_000)}`
        yield* Effect.forEach(Array.from({ length: 200 }), () => statusOf(long), { concurrency: 8 })
        const { text } = yield* statusOf(`${url}/metrics`)
        const counted = Number(/^aviary_log_dropped_lines_total(?:\{\})? (\d+)/m.exec(text)?.[1])
        expect(counted).toBeGreaterThan(0)
        disk.free()
        const told = /(\d+) log lines were dropped, since the log could not be written \(ENOSPC\)/
        const said = yield* Effect.sync(() => told.exec(readFileSync(file, "utf8"))).pipe(
          Effect.repeat({ until: (found) => found !== null, schedule: Schedule.spaced("50 millis") }),
          Effect.timeout("60 seconds"),
        )
        expect(Number(said?.[1])).toBeGreaterThanOrEqual(counted)
        // No line is cut, not even the one in the middle of which the disk was full.
        const lines = readFileSync(file, "utf8").trimEnd().split("\n")
        expect(lines.filter((line) => line.includes("timestamp=") && !line.startsWith("timestamp="))).toEqual([])
      }),
  )
})
