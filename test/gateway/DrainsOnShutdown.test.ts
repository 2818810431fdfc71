/**
 * SIGTERM stops accepting, lets streams finish within the grace period, then aborts them; holds and temporary files are
 * settled or released. Every deployment sends it: a gateway that drops its streams there makes each update an outage, and
 * one that waits for ever is killed by whoever sent it, with its books open.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Clock, Deferred, Effect, FileSystem } from "effect"
import { existsSync, readdirSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { countedNim } from "../support/countedNim.ts"
import { startProcess } from "../support/gatewayProcess.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const input = "This sentence is being spoken while the gateway is told to stop."
const body = { model: "tts-1", voice: "alloy", input, response_format: "pcm" }

/** A gateway that speaks `input` as far as the engine lets it, and what is left in its data directory. */
const speaking = Effect.fnUntraced(function* (grace: string) {
  const fs = yield* FileSystem.FileSystem
  const goOn = yield* Deferred.make<void>()
  const nim = yield* countedNim({ hold: () => Deferred.await(goOn) })
  const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-drain-" })
  const gateway = yield* startProcess({
    AVIARY_DATA_DIR: dataDir,
    AVIARY_MAGPIE_URL: nim.url.href,
    AVIARY_PARAKEET_URL: nim.url.href,
    AVIARY_SHUTDOWN_GRACE: grace,
    AVIARY_LOG_LEVEL: "warn",
  })
  const listener = yield* rawConnection(gateway.port)
  listener.socket.write(jsonPost("/v1/audio/speech", body))
  yield* listener.seen("200 OK")
  const files = Effect.sync(() =>
    ["cache", "recordings", "tmp"].flatMap((folder) =>
      (existsSync(join(dataDir, folder))
        ? readdirSync(join(dataDir, folder), { recursive: true, withFileTypes: true })
        : []
      )
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name),
    ),
  )
  const states = Effect.acquireUseRelease(
    Effect.sync(() => new DatabaseSync(join(dataDir, "ledger.sqlite"), { readOnly: true })),
    (ledger) =>
      Effect.sync(() =>
        ledger
          .prepare("SELECT state FROM holds")
          .all()
          .map((row) => row["state"]),
      ),
    (ledger) => Effect.sync(() => ledger.close()),
  )
  return { files, gateway, goOn, listener, states }
})

const endsCleanly = (received: Buffer) => received.toString("latin1").endsWith("\r\n0\r\n\r\n")

const refuses = (port: number) =>
  Effect.callback<boolean>((resume) => {
    const socket = connect(port, "127.0.0.1")
    socket.on("connect", () => resume(Effect.succeed(false)))
    socket.on("error", () => resume(Effect.succeed(true)))
    return Effect.sync(() => socket.destroy())
  })

const until = (condition: Effect.Effect<boolean>) =>
  condition.pipe(
    Effect.tap(() => Effect.sleep("10 millis")),
    Effect.repeat({ until: (met) => met }),
    Effect.timeout("1 minute"),
    Effect.orDie,
  )

layer(NodeServices.layer, { excludeTestServices: true })("DrainsOnShutdown", (it) => {
  it.effect("a stream that ends within the grace period is whole, kept and settled; nobody new is let in", () =>
    Effect.gen(function* () {
      const { files, gateway, goOn, listener, states } = yield* speaking("20 seconds")
      expect(yield* states).toEqual(["held"])
      gateway.signal("SIGTERM")
      yield* until(refuses(gateway.port))
      yield* Deferred.succeed(goOn, undefined)
      const { received } = yield* listener.closed
      expect(endsCleanly(received)).toBe(true)
      expect(received.length / 48_000).toBeCloseTo(input.length * 0.07, 0)
      expect(yield* gateway.exited).toEqual({ code: 0, signal: null })
      expect(yield* states).toEqual(["settled"])
      expect(yield* files).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])
    }),
  )

  it.effect("SIGQUIT lets streams end like SIGTERM; SIGUSR1 does nothing", () =>
    Effect.gen(function* () {
      const { gateway, goOn, listener, states } = yield* speaking("20 seconds")
      gateway.signal("SIGUSR1")
      gateway.signal("SIGQUIT")
      yield* until(refuses(gateway.port))
      yield* Deferred.succeed(goOn, undefined)
      expect(endsCleanly((yield* listener.closed).received)).toBe(true)
      expect(yield* gateway.exited).toEqual({ code: 0, signal: null })
      expect(yield* states).toEqual(["settled"])
      expect(gateway.output()).not.toContain("Debugger listening")
    }),
  )

  it.effect("a second SIGTERM ends the grace period: what streams is aborted, released and cleaned up at once", () =>
    Effect.gen(function* () {
      const { files, gateway, listener, states } = yield* speaking("5 minutes")
      gateway.signal("SIGTERM")
      // Two that come together are one: npm and a terminal pass on a Ctrl-C each.
      gateway.signal("SIGTERM")
      yield* until(refuses(gateway.port))
      yield* Effect.sleep("600 millis")
      expect(listener.socket.readyState).toBe("open")
      gateway.signal("SIGTERM")
      expect(endsCleanly((yield* listener.closed).received)).toBe(false)
      expect(yield* gateway.exited).toEqual({ code: 0, signal: null })
      expect(yield* states).toEqual(["released"])
      expect(yield* files).toEqual([])
    }),
  )

  it.effect("a stream that does not is aborted, not ended, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const { files, gateway, listener, states } = yield* speaking("400 millis")
      const told = yield* Clock.currentTimeMillis
      gateway.signal("SIGTERM")
      const { received } = yield* listener.closed
      expect(endsCleanly(received)).toBe(false)
      expect(yield* gateway.exited).toEqual({ code: 0, signal: null })
      const millis = (yield* Clock.currentTimeMillis) - told
      expect(millis).toBeGreaterThanOrEqual(400)
      // The default would be 20 seconds.
      expect(millis).toBeLessThan(15_000)
      expect(yield* states).toEqual(["released"])
      expect(yield* files).toEqual([])
    }),
  )

  it.effect("who waits for a first byte that does not come in time is told that the gateway stops", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const nim = yield* countedNim()
      yield* nim.setFaults([{ kind: "hang", route: "synthesize_online" }])
      const gateway = yield* startProcess({
        AVIARY_DATA_DIR: yield* fs.makeTempDirectoryScoped({ prefix: "aviary-drain-" }),
        AVIARY_MAGPIE_URL: nim.url.href,
        AVIARY_PARAKEET_URL: nim.url.href,
        AVIARY_SHUTDOWN_GRACE: "400 millis",
        AVIARY_LOG_LEVEL: "warn",
      })
      const waiting = yield* rawConnection(gateway.port)
      waiting.socket.write(jsonPost("/v1/audio/speech", body))
      yield* until(Effect.map(nim.calls, ({ working }) => working === 1))
      gateway.signal("SIGTERM")
      const { received } = yield* waiting.closed
      expect(received.toString("latin1")).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: [^]*"code":"shutting_down"/i)
      expect((yield* gateway.exited).code).toBe(0)
      yield* until(Effect.map(nim.calls, ({ working }) => working === 0))
    }),
  )
})
