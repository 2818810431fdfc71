/**
 * SIGTERM in the middle of everything: a restart command is running, a stream is under way, transcriptions wait. The
 * gateway ends within its grace period, its restart command does not outlive it, and the journal it leaves says what the
 * next gateway must know: that one restart is spent. An orphaned restart, or one that nobody remembers, is a storm begun.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Clock, Effect, Fiber, FileSystem, Layer, Schedule } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { startProcess } from "../support/gatewayProcess.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { NimTest } from "../support/nim.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const graceSeconds = 2

/** Processes of this machine whose command line holds `mark`. */
const running = (mark: string) =>
  readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return (
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark) &&
        !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"))
      )
    } catch {
      return false
    }
  })

const soon = (condition: () => boolean) =>
  Effect.sync(condition).pipe(
    Effect.repeat({ until: (met) => met, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("60 seconds"),
    Effect.orDie,
  )

const listen = (url: string) => {
  const form = new FormData()
  form.set("model", "whisper-1")
  form.set("file", new Blob([readFileSync(humanSpeech[1].recording.path)]), "clip.wav")
  return Effect.promise(() =>
    fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form }).then(
      (response) => response.status,
      () => "broken off" as const,
    ),
  )
}

layer(Layer.provideMerge(NimTest.layerRealTime, NodeServices.layer), { excludeTestServices: true })(
  "StopsMidRestart",
  (it) => {
    it.effect("ends in time, takes its restart command along, and the next gateway knows what is spent", () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const nim = yield* NimTest
        const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-stop-" })
        const mark = `aviary-restart-${process.pid}`
        const settings = {
          AVIARY_DATA_DIR: dataDir,
          AVIARY_MAGPIE_URL: nim.url.href,
          AVIARY_PARAKEET_URL: nim.url.href,
          AVIARY_SHUTDOWN_GRACE: `${graceSeconds} seconds`,
          AVIARY_ADMIN_TOKEN: "the-token-of-the-test",
          AVIARY_LOG_LEVEL: "warn",
          // Ignores SIGTERM, and has a child of its own.
          AVIARY_PARAKEET_RESTART: `command:${JSON.stringify(["sh", "-c", `trap '' TERM; sleep 600 & wait; sleep 600; : ${mark}`])}`,
        }
        const gateway = yield* startProcess(settings)
        yield* nim.setFaults([{ kind: "wedge", route: "transcriptions", times: 100 }])
        const speech = yield* rawConnection(gateway.port)
        const input = "This is being spoken while the gateway is told to stop. ".repeat(10)
        speech.socket.write(
          jsonPost("/v1/audio/speech", { model: "tts-1", voice: "alloy", input, response_format: "pcm" }),
        )
        yield* speech.seen("200 OK")
        expect(yield* listen(gateway.url)).toBe(503)
        yield* soon(() => running(mark).length > 0)
        const waiting = yield* Effect.forkChild(
          Effect.all(
            Array.from({ length: 5 }, () => listen(gateway.url)),
            { concurrency: "unbounded" },
          ),
        )

        const asked = yield* Clock.currentTimeMillis
        gateway.signal("SIGTERM")
        const { code } = yield* gateway.exited
        const took = (yield* Clock.currentTimeMillis) - asked
        expect(code).toBe(0)
        // The grace, and as much again for a busy machine: far below the ten minutes of the command.
        expect(took).toBeLessThan(graceSeconds * 1_000 + 10_000)
        yield* soon(() => running(mark).length === 0)
        yield* speech.closed
        for (const answer of yield* Fiber.join(waiting)) expect([503, "broken off"]).toContain(answer)

        const journal = readFileSync(join(dataDir, "restarts.jsonl"), "utf8")
        const records = journal
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line) as { type: string; engine: string })
        expect(records[0]).toMatchObject({ type: "claimed", engine: "parakeet" })
        expect(records.map(({ type }) => type)).not.toContain("returned")

        const next = yield* startProcess(settings)
        const response = yield* Effect.promise(() =>
          fetch(`${next.url}/admin/engines`, { headers: { authorization: "Bearer the-token-of-the-test" } }),
        )
        const { engines } = (yield* Effect.promise(() => response.json())) as {
          readonly engines: ReadonlyArray<{ engine: string; budget: { left: number } }>
        }
        expect(engines.find(({ engine }) => engine === "parakeet")).toMatchObject({ budget: { left: 2 } })
      }),
    )
  },
)
