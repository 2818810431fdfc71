/**
 * So many paced listeners at once on one gateway process, 1,000 unless told otherwise: half of them on one speech, the
 * others on twenty more, each read as fast as it is heard. Prints how many heard all of theirs, and the most memory
 * that the gateway process held.
 *
 *     node test/scripts/listeners.ts [listeners] [seconds of speech]
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, FileSystem } from "effect"
import { createHash } from "node:crypto"
import { request } from "node:http"
import { performance } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import { countedNim } from "../support/countedNim.ts"
import { startProcess } from "../support/gatewayProcess.ts"

const [listeners = 1_000, seconds = 20] = process.argv.slice(2).map(Number)
const speeches = 21
const limit = 300 * 1_048_576

const textOf = (index: number) =>
  `Speech ${index} is for many. `
    .concat("They hear it at the pace at which it is spoken. ".repeat(100))
    .slice(0, Math.round(seconds / 0.07))

interface Heard {
  readonly millisToFirst: number
  readonly sha256: string
}

/** Hears one speech as MP3 at the pace of its sound: 8,000 bytes a second, a quarter of a second at a time. */
const listen = (url: string, index: number): Promise<Heard> =>
  new Promise((resolve, reject) => {
    const started = performance.now()
    const body = JSON.stringify({ model: "tts-1", voice: "alloy", input: textOf(index) })
    const asked = request(`${url}/v1/audio/speech`, {
      method: "POST",
      agent: false,
      headers: { "content-type": "application/json", "content-length": body.length },
    })
    asked.on("error", reject)
    asked.on("response", (response) => {
      const millisToFirst = performance.now() - started
      const hash = createHash("sha256")
      let heard = 0
      const play = async () => {
        if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
        for await (const chunk of response) {
          hash.update(chunk)
          heard += chunk.length
          const ahead = heard / 8 - (performance.now() - started - millisToFirst)
          if (ahead > 250) await sleep(ahead - 250)
        }
        if (!response.complete) throw new Error("broken off")
      }
      play().then(() => resolve({ millisToFirst, sha256: hash.digest("hex") }), reject)
    })
    asked.end(body)
  })

const measure = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const nim = yield* countedNim()
  const gateway = yield* startProcess({
    AVIARY_DATA_DIR: yield* fs.makeTempDirectoryScoped({ prefix: "aviary-listeners-" }),
    AVIARY_MAGPIE_URL: nim.url.href,
    AVIARY_PARAKEET_URL: nim.url.href,
    AVIARY_MAGPIE_CONCURRENCY: "16",
    AVIARY_QUEUE_LENGTH: "1000",
    AVIARY_QUEUE_WAIT: "5 minutes",
    AVIARY_LOG_LEVEL: "warn",
    // As a user starts it.
    NODE_COMPILE_CACHE: "",
  })
  const mib = (bytes: number) => (bytes / 1_048_576).toFixed(0)
  const idle = gateway.memory()
  console.log(`${listeners} listeners, ${seconds} s of speech; listening takes ${mib(idle.peak)} MiB`)
  const started = performance.now()
  const index = (listener: number) => (listener % 2 === 0 ? 0 : 1 + ((listener >> 1) % (speeches - 1)))
  const results = yield* Effect.promise(() =>
    Promise.allSettled(Array.from({ length: listeners }, (_, listener) => listen(gateway.url, index(listener)))),
  )
  const { peak } = gateway.memory()
  const heard = results.flatMap((result, listener) =>
    result.status === "fulfilled" ? [{ ...result.value, of: index(listener) }] : [],
  )
  const versions = new Set(heard.map(({ of, sha256 }) => `${of} ${sha256}`)).size
  const firsts = heard.map(({ millisToFirst }) => millisToFirst).toSorted((a, b) => a - b)
  const calls = [...nim.texts].filter(([text]) => text.startsWith("Speech ")).reduce((sum, [, count]) => sum + count, 0)
  console.log(
    `${heard.length} heard all of it, in ${versions} different speeches from ${calls} engine calls, in ${((performance.now() - started) / 1_000).toFixed(1)} s; ` +
      `first byte after ${firsts[firsts.length >> 1]?.toFixed(0)} ms (median), ${firsts.at(-1)?.toFixed(0)} ms (last)`,
  )
  console.log(`peak resident memory of the gateway: ${mib(peak)} MiB (limit ${mib(limit)})`)
  for (const result of results) if (result.status === "rejected") return (console.error(result.reason), false)
  return versions === Math.min(speeches, new Set(heard.map(({ of }) => of)).size) && peak <= limit
})

const good = await Effect.runPromise(measure.pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
process.exitCode = good ? 0 : 1
