/**
 * How long the event loop of a gateway with embedded engines is held up while 8 transcriptions and 8 speeches run, and how
 * long `GET /v1/models` takes meanwhile. Prints percentiles in milliseconds; the load comes from another process.
 *
 *     node test/scripts/loopDelay.ts
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { fork } from "node:child_process"
import { readFile } from "node:fs/promises"
import { monitorEventLoopDelay, performance } from "node:perf_hooks"
import { fileURLToPath } from "node:url"
import { startAviary } from "../support/aviary.ts"

const rounds = 4

const load = async (url: string) => {
  const clip = await readFile(new URL("../support/audio/sense-and-sensibility-0870.wav", import.meta.url))
  const speak = async (i: number, round: number) => {
    const response = await fetch(`${url}/v1/audio/speech`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "tts-1",
        voice: "alloy",
        input: `Speech ${i} of round ${round}. `.concat(
          "The loop stays free while others speak and listen. ".repeat(12),
        ),
      }),
    })
    if (!response.ok) throw new Error(await response.text())
    await response.arrayBuffer()
  }
  const hear = async () => {
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new Blob([clip]), "clip.wav")
    const response = await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })
    if (!response.ok) throw new Error(await response.text())
    await response.json()
  }
  const latencies: Array<number> = []
  let done = false
  const poll = async () => {
    while (!done) {
      const started = performance.now()
      await (await fetch(`${url}/v1/models`)).json()
      latencies.push(performance.now() - started)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const polling = poll()
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: 8 }, (_, i) => [speak(i, round), hear()]).flat())
  }
  done = true
  await polling
  latencies.sort((a, b) => a - b)
  process.send!(latencies)
}

const percentile = (sorted: ReadonlyArray<number>, share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!

const measure = Effect.gen(function* () {
  // Eight at a time with the default of one: the others wait in the queue, which is what a user meets.
  const { url } = yield* startAviary(undefined)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const latencies = yield* Effect.callback<ReadonlyArray<number>>((resume) => {
    const child = fork(fileURLToPath(import.meta.url), [url], { stdio: "inherit" })
    child.once("message", (message) => resume(Effect.succeed(message as Array<number>)))
    child.once("exit", (code) => code !== 0 && resume(Effect.die(new Error(`the load failed with ${code}`))))
    return Effect.sync(() => child.kill())
  })
  delay.disable()
  const ms = (nanoseconds: number) => (nanoseconds / 1e6).toFixed(1)
  console.log(
    `event-loop delay  p50 ${ms(delay.percentile(50))}  p99 ${ms(delay.percentile(99))}  max ${ms(delay.max)} ms`,
  )
  console.log(
    `GET /v1/models    p50 ${percentile(latencies, 0.5).toFixed(1)}  p99 ${percentile(latencies, 0.99).toFixed(1)}  max ${latencies.at(-1)!.toFixed(1)} ms  (${latencies.length} calls)`,
  )
})

const [url] = process.argv.slice(2)
if (url === undefined) await Effect.runPromise(Effect.scoped(measure).pipe(Effect.provide(NodeServices.layer)))
else await load(url)
