/**
 * 10,000 paid hits over loopback against a gateway in a process of its own: requests per second, the ledger's durable
 * transactions, and how long the event loop was held up. The same bytes by `GET`, which costs nothing, show how much of that
 * the ledger is the cause of.
 *
 *     node test/scripts/paidHits.ts [requests] [clients]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { Agent, request } from "node:http"
import { fileURLToPath } from "node:url"
import { Accounts } from "../../src/billing/Accounts.ts"
import { countedNim } from "../support/countedNim.ts"
import { type GatewayProcess, startProcess } from "../support/gatewayProcess.ts"
import { entriesOf, ledgerOf, openAccounts } from "../support/ledgerFile.ts"

const [requests = 10_000, clients = 32] = process.argv.slice(2).map(Number)

const input = "The birds are singing in the morning."
const body = JSON.stringify({ model: "tts-1", voice: "alloy", input, response_format: "mp3" })

interface Answer {
  readonly status: number
  readonly cache: string | undefined
  readonly location: string
  readonly bytes: number
}

const ask = (agent: Agent, url: string, key: string, method: "GET" | "POST") =>
  new Promise<Answer>((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
    const asked = request(url, { agent, method, headers }, (response) => {
      let bytes = 0
      response.on("data", (chunk: Buffer) => (bytes += chunk.length))
      response.on("error", reject)
      response.on("end", () =>
        resolve({
          status: response.statusCode!,
          cache: response.headers["x-cache"] as string | undefined,
          location: response.headers["content-location"] ?? "",
          bytes,
        }),
      )
    })
    asked.on("error", reject)
    asked.end(method === "POST" ? body : undefined)
  })

const percentile = (sorted: ReadonlyArray<number>, share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!.toFixed(1)

/** Asks `requests` times, `clients` at once, and says how the gateway's process fared. */
const load = async (
  label: string,
  gateway: GatewayProcess,
  keys: ReadonlyArray<string>,
  one: () => Parameters<typeof ask>[3],
  url: string,
  expected: Answer,
) => {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  await watched(gateway)
  const millis: Array<number> = []
  const started = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      for (let i = client; i < requests; i += clients) {
        const at = performance.now()
        const answer = await ask(agent, url, keys[client % keys.length]!, one())
        millis.push(performance.now() - at)
        if (answer.status !== 200 || answer.bytes !== expected.bytes)
          throw new Error(`answered ${JSON.stringify(answer)}`)
        if (one() === "POST" && answer.cache !== "HIT") throw new Error(`served as ${answer.cache}`)
      }
    }),
  )
  const seconds = (performance.now() - started) / 1_000
  const { p50, p99, max, computing, commits } = await watched(gateway)
  agent.destroy()
  millis.sort((a, b) => a - b)
  const ms = (value: number) => value.toFixed(1)
  console.log(
    `${label}  ${(requests / seconds).toFixed(0)} requests/s, p50 ${percentile(millis, 0.5)} p99 ${percentile(millis, 0.99)} ms; ` +
      `${commits} durable commits; event-loop delay p50 ${ms(p50)} p99 ${ms(p99)} max ${ms(max)}, longest turn ${ms(computing)} ms`,
  )
}

interface Watched {
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly computing: number
  readonly commits: number
}

const watched = async (gateway: GatewayProcess) => {
  const lines = () =>
    gateway
      .output()
      .split("\n")
      .slice(0, -1)
      .filter((line) => line.startsWith("watched "))
  const before = lines().length
  gateway.signal("SIGUSR2")
  while (lines().length === before) await new Promise((resolve) => setTimeout(resolve, 5))
  return JSON.parse(lines().at(-1)!.slice(8)) as Watched
}

const measure = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const nim = yield* countedNim()
  const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-paid-" })
  const opened = yield* openAccounts(
    Array.from({ length: 4 }, () => ({ kind: "prepaid", overdraft: 0 }) as const),
    1_000_000_000,
  ).pipe(Effect.provide(ledgerOf(dataDir)))
  const gateway = yield* startProcess({
    AVIARY_DATA_DIR: dataDir,
    AVIARY_MAGPIE_URL: nim.url.href,
    AVIARY_PARAKEET_URL: nim.url.href,
    AVIARY_ACCESS: "keys",
    AVIARY_CACHE_SHARED: "all",
    AVIARY_LOG_LEVEL: "warn",
    NODE_OPTIONS: `--import ${fileURLToPath(new URL("../support/loopWatch.ts", import.meta.url))}`,
  })
  const keys = opened.map(({ key }) => key)
  const speech = `${gateway.url}/v1/audio/speech`
  const first = yield* Effect.promise(() => ask(new Agent(), speech, keys[0]!, "POST"))
  const entry = new URL(first.location, gateway.url).href
  // Neither is timed while the code is still cold.
  yield* Effect.promise(async () => {
    for (let i = 0; i < 300; i++) await ask(new Agent(), speech, keys[i % 4]!, "POST")
  })
  yield* Effect.promise(() => load("GET,  free", gateway, keys, () => "GET", entry, first))
  yield* Effect.promise(() => load("POST, paid", gateway, keys, () => "POST", speech, first))
  yield* gateway.kill

  yield* Effect.gen(function* () {
    const accounts = yield* Accounts
    const list = yield* accounts.list
    const charges = (yield* Effect.forEach(list, ({ id }) => entriesOf(id)))
      .flat()
      .filter(({ kind }) => kind === "charge")
    const hits = charges.filter(({ served }) => served === "HIT").length
    console.log(
      `${hits} hits charged in the ledger, ${charges.length - hits} other charges, ${list.reduce((sum, { held }) => sum + held, 0)} micro-units held`,
    )
    if (hits !== requests + 300) throw new Error("the ledger does not say what was heard")
  }).pipe(Effect.provide(ledgerOf(dataDir)))
})

await Effect.runPromise(measure.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
