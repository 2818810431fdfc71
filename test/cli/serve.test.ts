import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Clock, Deferred, Effect, FileSystem } from "effect"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { fileURLToPath } from "node:url"
import { countedNim } from "../support/countedNim.ts"
import { startProcess } from "../support/gatewayProcess.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const stuckLedger = fileURLToPath(new URL("../support/stuckLedger.ts", import.meta.url))
const speech = { model: "tts-1", voice: "alloy", input: "A sentence to be paid for.", response_format: "pcm" }

layer(NodeServices.layer, { excludeTestServices: true })("serve", (it) => {
  it.effect("a stop ends soon after its grace period, even while a charge hangs; its hold is left to expire", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const goOn = yield* Deferred.make<void>()
      const nim = yield* countedNim({ hold: () => Deferred.await(goOn) })
      const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-stuck-" })
      const stuck = join(dataDir, "stuck")
      const settings = {
        AVIARY_DATA_DIR: dataDir,
        AVIARY_MAGPIE_URL: nim.url.href,
        AVIARY_PARAKEET_URL: nim.url.href,
        AVIARY_SHUTDOWN_GRACE: "100 millis",
        AVIARY_HOLD_TIMEOUT: "3 seconds",
        AVIARY_LOG_LEVEL: "error",
      }
      const states = Effect.acquireUseRelease(
        Effect.sync(() => new DatabaseSync(join(dataDir, "ledger.sqlite"), { readOnly: true })),
        (book) =>
          Effect.sync(() =>
            book
              .prepare("SELECT state FROM holds")
              .all()
              .map(({ state }) => state),
          ),
        (book) => Effect.sync(() => book.close()),
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const gateway = yield* startProcess({
            ...settings,
            STUCK_LEDGER: stuck,
            NODE_OPTIONS: `--import ${stuckLedger}`,
          })
          const listener = yield* rawConnection(gateway.port)
          listener.socket.write(jsonPost("/v1/audio/speech", speech))
          yield* listener.seen("200 OK")
          writeFileSync(stuck, "")
          yield* Deferred.succeed(goOn, undefined)
          yield* Effect.sync(() => existsSync(`${stuck}.reached`)).pipe(
            Effect.tap(() => Effect.sleep("10 millis")),
            Effect.repeat({ until: (reached) => reached }),
          )
          const told = yield* Clock.currentTimeMillis
          gateway.signal("SIGTERM")
          // A thread that waits for the disk would keep an exit waiting as well.
          expect(yield* gateway.exited).toEqual({ code: null, signal: "SIGKILL" })
          expect((yield* Clock.currentTimeMillis) - told).toBeLessThan(15_000)
          expect((yield* listener.closed).received.toString("latin1")).not.toMatch(/\r\n0\r\n\r\n$/)
          expect(gateway.output()).toContain("not everything could be closed within 10s 100ms")
          expect(yield* states).toEqual(["held"])
        }),
      )
      yield* startProcess(settings)
      expect(yield* states).toEqual(["expired"])
    }),
  )
})
