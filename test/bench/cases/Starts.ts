import { fileURLToPath } from "node:url"
import { type Case, roomy } from "../Bench.ts"
import { ask, percentile, speechBody } from "../Client.ts"
import { type Gateway, launchGateway, startGateway } from "../Gateway.ts"
import { charactersFor, newText } from "../Voice.ts"

/** From the start of the process to the first byte of speech, on a data directory that has been used. */
export const coldStart: Case = {
  name: "cold start",
  run: async ({ dataDirs, engine, programs, progress, quick }) => {
    const dataDir = await dataDirs.make()
    const millis: Array<number> = []
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      progress(`cold start: ${round + 1}`)
      const started = performance.now()
      const begun = await launchGateway(programs, dataDir, engine.url, { AVIARY_ACCESS: "open" })
      const listening = performance.now() - started
      const body = speechBody(newText(charactersFor(32_768)), "mp3")
      const { firstByteMs } = await ask({ url: `${begun.url}/v1/audio/speech`, key: "", body })
      millis.push(listening + firstByteMs)
      await programs.stop(begun)
    }
    return { values: [{ name: "cold start to first audio", value: `${percentile(millis).toFixed(0)} ms` }] }
  },
}

const watcher = fileURLToPath(new URL("../../support/loopWatch.ts", import.meta.url))

/** What the watcher says of the time since it was last asked. */
const watched = async (
  gateway: Gateway,
): Promise<{ readonly p50: number; readonly p99: number; readonly max: number }> => {
  const lines = () =>
    gateway
      .output()
      .split("\n")
      .slice(0, -1)
      .filter((line) => line.startsWith("watched "))
  const before = lines().length
  gateway.signal("SIGUSR2")
  while (lines().length === before) await new Promise((resolve) => setTimeout(resolve, 5))
  return JSON.parse(lines().at(-1)!.slice("watched ".length))
}

/** Four engines speak at thirty times real time, each to a client of its own. */
export const loop: Case = {
  limited: true,
  name: "event loop",
  run: async ({ dataDirs, engine, programs, progress, quick }) => {
    const gateway = await startGateway(programs, await dataDirs.make(), `${engine.url}/at/30`, {
      ...roomy,
      AVIARY_MAGPIE_CONCURRENCY: "4",
      AVIARY_LOG_LEVEL: "warn",
      NODE_OPTIONS: `--import ${watcher}`,
    })
    const speak = () =>
      ask({
        url: `${gateway.url}/v1/audio/speech`,
        key: gateway.key,
        body: speechBody(newText(charactersFor(60 * 44_100)), "mp3"),
      })
    progress("event loop: four speak")
    await Promise.all(Array.from({ length: 4 }, speak))
    await watched(gateway)
    for (let round = 0; round < (quick ? 1 : 5); round++) await Promise.all(Array.from({ length: 4 }, speak))
    const { max, p50, p99 } = await watched(gateway)
    await programs.stop(gateway)
    return {
      values: [
        {
          name: "event loop's delay while four engines stream mp3 at 30 ×",
          value: `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, max ${max.toFixed(1)} ms`,
        },
      ],
      targets: [{ name: "event loop p99, four mp3 at 30 ×", today: "–", unit: "ms", atMost: 20, aim: 10, value: p99 }],
    }
  },
}
