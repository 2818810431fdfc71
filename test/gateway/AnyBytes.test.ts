/**
 * No bytes that a client sends end the gateway, and nothing stays behind: no request under way, no work of an engine, no hold, no file and
 * no connection. Two requests and a line of garbage were enough, once. What is sent is made up, the same for the same seeds.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Schedule } from "effect"
import { readFileSync } from "node:fs"
import { connect } from "node:net"
import { anyBytes, type Conversation } from "../support/anyBytes.ts"
import { countedNim } from "../support/countedNim.ts"
import { type GatewayProcess, startProcess } from "../support/gatewayProcess.ts"
import { scratchFiles } from "../support/killedUploads.ts"
import { ledgerOf, openAccounts } from "../support/ledgerFile.ts"

const firstSeed = Number(process.env["TEST_SEED"] ?? 1)
const rounds = Number(process.env["TEST_ROUNDS"] ?? 4)
const inEachRound = 600
const atOnce = 32
const adminToken = "an operator's token of these tests"

/** How long a client that listens does so, in milliseconds: some are never answered. */
const patience = 100

/** Has the conversation, whatever becomes of it. */
const talk = (port: number, { pause, pieces, then, unread }: Conversation): Promise<void> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    let patient: NodeJS.Timeout | undefined
    socket.on("error", () => {})
    socket.on("close", () => {
      clearTimeout(patient)
      resolve()
    })
    if (unread) socket.pause()
    else socket.resume().on("end", () => socket.end())
    const go = () => {
      if (then === "reset") return void socket.resetAndDestroy()
      if (then === "leave") return void socket.destroy()
      if (then === "end") socket.end()
      patient = setTimeout(() => socket.destroy(), patience)
    }
    const say = (index: number): void => {
      if (socket.destroyed) return
      if (index === pieces.length) return go()
      socket.write(pieces[index]!)
      const next = () => say(index + 1)
      if (pause === 0) setImmediate(next)
      else setTimeout(next, pause)
    }
    socket.on("connect", () => say(0))
  })

const row = /:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) (?:\S+ ){4}\s*\d+\s+\d+ (\d+)/g

/** Connections that a process still has at its end; those that the kernel alone is still closing have no inode. */
const connectionsTo = (ports: ReadonlyArray<number>) =>
  ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) =>
    [...readFileSync(path, "latin1").matchAll(row)].filter(
      ([, port, state, inode]) => ports.includes(Number.parseInt(port!, 16)) && state !== "0A" && inode !== "0",
    ),
  ).length

const ask = async (url: string, path: string) => {
  const headers = { connection: "close", authorization: `Bearer ${adminToken}` }
  const response = await fetch(url + path, { headers })
  if (response.status !== 200) throw new Error(`${path} is answered ${response.status}`)
  return response.text()
}

/** What is there while nobody asks for anything, in words. */
const leftBehind = async ({ port, url }: GatewayProcess, wyomingPort: number, dataDir: string) => {
  const requests = JSON.parse(await ask(url, "/admin/requests")) as { readonly underWay: ReadonlyArray<object> }
  const { holds } = JSON.parse(await ask(url, "/admin/holds")) as { readonly holds: ReadonlyArray<object> }
  const metrics = await ask(url, "/metrics")
  const gauges =
    metrics.match(/^aviary_(flights_active|flight_listeners|engine_waiting\S*|engine_working\S*) \d+$/gm) ?? []
  const work = gauges.filter((gauge) => !gauge.endsWith(" 0"))
  const files = (await scratchFiles(dataDir)).filter((file) => !file.endsWith("owner.json"))
  const connections = connectionsTo([port, wyomingPort])
  return [
    ...requests.underWay.map((request) => `a request: ${JSON.stringify(request)}`),
    ...holds.map((hold) => `a hold: ${JSON.stringify(hold)}`),
    ...work,
    // Each is told from the start on.
    ...(gauges.length === 6 ? [] : [`of six gauges ${gauges.length}`]),
    ...files,
    ...(connections === 0 ? [] : [`${connections} connections`]),
  ]
}

const startGateway = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-test-" })
  const accounts = openAccounts([{ kind: "prepaid", overdraft: 0 }], 1_000_000_000)
  const [account] = yield* Effect.provide(accounts, ledgerOf(dataDir))
  const nim = yield* countedNim({
    begin: (text) =>
      text.startsWith("Never") ? Effect.never : text.startsWith("Fails") ? Effect.die("it fails") : Effect.void,
    hold: (text) => (text.startsWith("Halfway") ? Effect.never : Effect.void),
  })
  const gateway = yield* startProcess({
    AVIARY_DATA_DIR: dataDir,
    AVIARY_MAGPIE_URL: nim.url.href,
    AVIARY_PARAKEET_URL: nim.url.href,
    AVIARY_MAGPIE_CONCURRENCY: "32",
    AVIARY_ACCESS: "keys",
    AVIARY_ADMIN_TOKEN: adminToken,
    AVIARY_CONSOLE: "on",
    AVIARY_WYOMING_PORT: "0",
    AVIARY_WYOMING_KEY: account!.key,
    AVIARY_UPLOAD_TIMEOUT: "1 second",
    AVIARY_READER_TIMEOUT: "1 second",
    AVIARY_PROBE_INTERVAL: "1 hour",
  })
  const wyomingPort = Number(/Wyoming is spoken on [^:]+:(\d+)/.exec(gateway.output())?.[1])
  return { gateway, wyomingPort, known: { key: account!.key, adminToken }, dataDir }
})

it.live("no bytes that a client sends end the gateway, and nothing stays behind", () =>
  Effect.gen(function* () {
    const { dataDir, gateway, known, wyomingPort } = yield* startGateway
    const ended = Effect.flatMap(gateway.exited, (how) => Effect.die({ how, said: gateway.output().slice(-4_000) }))
    // Who asks a gateway that has just ended is reset; what it said before tells more.
    const left = Effect.tryPromise(() => leftBehind(gateway, wyomingPort, dataDir)).pipe(
      Effect.tapError(() => Effect.raceFirst(ended, Effect.sleep("1 second"))),
    )
    const swept = left.pipe(
      Effect.repeat({ until: (found) => found.length === 0, schedule: Schedule.spaced("50 millis") }),
      Effect.as<ReadonlyArray<string>>([]),
      Effect.timeoutOrElse({ duration: "20 seconds", orElse: () => left }),
    )
    expect(yield* swept, "at first").toEqual([])
    for (let seed = firstSeed; seed < firstSeed + rounds; seed++) {
      const conversations = Array.from({ length: inEachRound }, anyBytes(seed, known))
      yield* Effect.forEach(
        conversations,
        (one) => Effect.promise(() => talk(one.to === "http" ? gateway.port : wyomingPort, one)),
        { concurrency: atOnce, discard: true },
      ).pipe(Effect.raceFirst(ended))
      expect(yield* Effect.raceFirst(swept, ended), `seed ${seed}`).toEqual([])
      const faults = gateway.output().match(/^.*(level=(ERROR|FATAL)|uncaught|\n\s+at ).*$/gim) ?? []
      expect(faults, `seed ${seed}`).toEqual([])
    }
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)
