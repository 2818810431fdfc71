/**
 * The hot path is short: what a request makes the gateway do is counted, in writes, syncs, messages and fibers. Time is not, which a busy
 * machine has too little of; `npm run bench` measures that.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Schedule } from "effect"
import { fileURLToPath } from "node:url"
import { type GatewayProcess, startProcess } from "../support/gatewayProcess.ts"
import { ledgerOf, openAccounts } from "../support/ledgerFile.ts"
import { loopbackServer } from "../support/loopback.ts"

const voices = JSON.stringify({ "en-US": { voices: ["Magpie-Multilingual.EN-US.Mia"] } })
const samples = Buffer.alloc(262_144, "abcdefgh")

/** An engine that gives 256 KiB of samples at once, for whatever text. */
const engine = loopbackServer((request, response) => {
  request.resume().on("end", () => {
    const isVoices = request.url!.endsWith("/list_voices")
    response.writeHead(200, { "content-type": request.method === "GET" ? "application/json" : "audio/l16" })
    response.end(request.method === "POST" ? samples : isVoices ? voices : "{}")
  })
})

/** What was counted since it was last asked. */
const counted = ({ output, signal }: GatewayProcess) =>
  Effect.suspend(() => {
    const lines = () => Array.from(output().matchAll(/^counted (.*)$/gm), ([, line]) => line!)
    const before = lines().length
    signal("SIGUSR2")
    return Effect.repeat(Effect.sync(lines), {
      until: (found) => found.length > before,
      schedule: Schedule.spaced("10 millis"),
    }).pipe(Effect.map((found) => JSON.parse(found.at(-1)!) as Record<string, number>))
  })

/** The gateway's own numbers of its fibers, as they stand in its log. */
const latestFiber = ({ output }: GatewayProcess) =>
  Math.max(...Array.from(output().matchAll(/fiber=#(\d+) message=Request /g), ([, number]) => Number(number)))

const speak = (url: string, key: string, input: string, status: "MISS" | "HIT") =>
  Effect.promise(async () => {
    const response = await fetch(`${url}/v1/audio/speech`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: "tts-1", voice: "alloy", input, response_format: "wav", sample_rate_hz: 22_050 }),
    })
    expect((await response.arrayBuffer()).byteLength).toBe(samples.length + 44)
    expect(response.headers.get("x-cache")).toBe(status)
  })

const requests = 20

/** Six seconds of speech, for which this is text enough. */
const textOf = (index: number) =>
  `Text number ${index} of those that are said once, and heard by whoever wants to hear it.`

const perRequest = (all: Record<string, number>) =>
  Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value / requests]))

/**
 * At most so many of each, a request. Room is left for pieces that arrive one by one on a busy machine; what is done once a request has none.
 */
const mostOfMiss = {
  // The engine keeps its connection. A machine that takes minutes for this asks it for its voices and its health meanwhile.
  connections: 0.5,
  clientWrites: 16,
  fileOpens: 1.5,
  // It is synced by itself.
  fileWrites: 1.5,
  fileSyncs: 0.5,
  // Reserved, and charged; what is out is said with the next, or on a slow machine before it.
  commits: 3,
  ledgerSyncs: 1.5,
  messages: 9,
  fibers: 14,
  // What a request had is young when it ends, and goes with the young. All of it would be some 55,000.
  outlivingBytes: 25_000,
}
const mostOfHit = {
  connections: 0.5,
  clientWrites: 3,
  fileWrites: 0.5,
  fileSyncs: 0.5,
  // Charged at once where it is in memory.
  commits: 2,
  ledgerSyncs: 1.5,
  // One question, on a slow machine three: the key is asked for once a second, and what is out is said by itself.
  messages: 6,
}
const mostFromDisk = { ...mostOfHit, commits: 3, messages: 8, fileOpens: 2, fileReads: 8, fibers: 18 }
const mostFromMemory = { ...mostOfHit, fileOpens: 0.5, fileReads: 0.5, fibers: 8 }

const expectWithin = (found: Record<string, number>, most: Record<string, number>) => {
  const beyond = Object.entries(most).filter(([name, limit]) => !(found[name]! <= limit))
  expect(
    beyond.map(([name, limit]) => `${name}: ${found[name]}, at most ${limit}`),
    JSON.stringify(found),
  ).toEqual([])
}

layer(NodeServices.layer, { excludeTestServices: true })("LittleWork", (it) => {
  it.effect("a miss and a hit write, sync, ask and fork no more than they need", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const { origin: engineUrl } = (yield* engine).url
      const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-work-" })
      const accounts = yield* Effect.provide(
        openAccounts([{ kind: "metered", monthlyCap: null }], 0),
        ledgerOf(dataDir),
      )
      const { key } = accounts[0]!
      const gateway = yield* startProcess({
        AVIARY_DATA_DIR: dataDir,
        AVIARY_MAGPIE_URL: engineUrl,
        AVIARY_PARAKEET_URL: engineUrl,
        AVIARY_ACCESS: "keys",
        NODE_OPTIONS: `--import ${fileURLToPath(new URL("../support/workCount.ts", import.meta.url))}`,
      })
      const round = Effect.fnUntraced(function* (from: number, status: "MISS" | "HIT", concurrency = 1) {
        yield* counted(gateway)
        const before = latestFiber(gateway)
        const ask = (index: number) => speak(gateway.url, key, textOf(from + index), status)
        yield* Effect.forEach(Array(requests).keys(), ask, { concurrency, discard: true })
        const fibers = latestFiber(gateway) - before
        return perRequest({ ...(yield* counted(gateway)), fibers })
      })
      // Whatever is done once is done by then.
      yield* speak(gateway.url, key, textOf(0), "MISS")
      yield* speak(gateway.url, key, textOf(0), "HIT")

      // What V8 compiles and learns of the first outlives them.
      yield* round(200, "MISS")
      yield* round(300, "MISS")
      yield* round(400, "MISS")
      expectWithin(yield* round(100, "MISS"), mostOfMiss)
      // Nor is it kept by lists that others are in meanwhile: JavaScript's own made it 26,000.
      expectWithin(yield* round(500, "MISS", 8), { outlivingBytes: 18_000 })
      expectWithin(yield* round(100, "HIT"), mostFromDisk)
      expectWithin(yield* round(100, "HIT"), mostFromMemory)
    }),
  )
})
