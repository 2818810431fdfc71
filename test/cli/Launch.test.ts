import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { globSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { program, startProcess } from "../support/gatewayProcess.ts"

const unused = "http://127.0.0.1:1"

/** Whether a thread of a process waits for the other end of a pipe that it opens. */
const waitsForPartner = (pid: number): boolean =>
  globSync(`/proc/${pid}/task/*/wchan`).some((file) => /wait_for_partner|fifo_open/.test(readFileSync(file, "utf8")))

layer(NodeServices.layer, { excludeTestServices: true })("aviary, launched", (it) => {
  it.effect("says at once that it starts and what takes time; a stop meanwhile ends in peace", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-launch-" })
      const [output, code] = yield* Effect.promise(async (abort) => {
        const env = { PATH: process.env["PATH"], AVIARY_PORT: "0", AVIARY_DATA_DIR: dataDir }
        const child = spawn(process.execPath, [program], { env, signal: abort, killSignal: "SIGKILL" })
        let text = ""
        const said = (chunk: string) => {
          text += chunk
          if (text.endsWith("Loading the embedded engines …\n")) child.kill("SIGTERM")
        }
        child.stdout.setEncoding("utf8").on("data", said)
        child.stderr.setEncoding("utf8").on("data", said)
        const [status] = (await once(child, "close")) as [number | null]
        return [text, status] as const
      })
      expect(output).toBe("Aviary is starting …\nLoading the embedded engines …\n")
      expect(code).toBe(0)
    }),
  )

  it.effect("a port that is taken is said before the engines are loaded", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-launch-" })
      const [output, code] = yield* Effect.promise(async (abort) => {
        const taken = createServer().listen(0, "127.0.0.1")
        await once(taken, "listening")
        const { port } = taken.address() as { port: number }
        const env = { PATH: process.env["PATH"], AVIARY_PORT: String(port), AVIARY_DATA_DIR: dataDir }
        const child = spawn(process.execPath, [program], { env, signal: abort, killSignal: "SIGKILL" })
        let text = ""
        child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
        child.stderr.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
        const [status] = (await once(child, "close")) as [number | null]
        taken.close()
        return [text, status] as const
      })
      expect(output).toMatch(/port \d+ is taken\. Stop what listens there/)
      expect(output).not.toContain("Loading the embedded engines")
      expect(code).toBe(1)
    }),
  )

  it.effect.each([1, 3])("a start that a disk keeps for ever ends all the same, told to %d times", (times) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-launch-" })
      // To open it for writing waits for a reader, which never comes.
      execFileSync("mkfifo", [join(dataDir, "ledger.sqlite")])
      const signal = yield* Effect.promise(async (abort) => {
        const env = { PATH: process.env["PATH"], AVIARY_PORT: "0", AVIARY_DATA_DIR: dataDir }
        const child = spawn(process.execPath, [program], { env, signal: abort, killSignal: "SIGABRT" })
        const closed = once(child, "close")
        while (!waitsForPartner(child.pid!)) await setTimeout(50)
        for (let told = 0; told < times; told++) {
          child.kill("SIGTERM")
          await setTimeout(600)
        }
        const [, how] = (await closed) as [number | null, string | null]
        return how
      })
      expect(signal).toBe("SIGKILL")
    }),
  )

  it.effect("--log-level comes before AVIARY_LOG_LEVEL", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const logged = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
        const settings = {
          AVIARY_DATA_DIR: yield* fs.makeTempDirectoryScoped({ prefix: "aviary-launch-" }),
          AVIARY_MAGPIE_URL: unused,
          AVIARY_PARAKEET_URL: unused,
          AVIARY_LOG_LEVEL: "info",
        }
        const gateway = yield* startProcess(settings, args)
        yield* Effect.promise(() => fetch(`${gateway.url}/v1/models/whisper-1`).then((response) => response.text()))
        gateway.signal("SIGTERM")
        yield* gateway.exited
        return gateway.output().includes("message=Request")
      })
      expect(yield* logged([])).toBe(true)
      expect(yield* logged(["serve", "--log-level", "error"])).toBe(false)
    }),
  )
})
