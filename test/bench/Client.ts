import { type Agent, request } from "node:http"
import { performance } from "node:perf_hooks"
import { setTimeout as sleep } from "node:timers/promises"
import { createHash } from "node:crypto"
import { sampleRate } from "./Voice.ts"

/** What one client asks, and how it listens. */
export interface Question {
  readonly url: string
  readonly key: string
  readonly body: Uint8Array | string
  readonly contentType?: string
  readonly agent?: Agent
  /** Bytes a second that it takes; absent: as fast as they come. */
  readonly pace?: number
}

/** What it got. Milliseconds count from when it asked. */
export interface Answer {
  readonly cache: string | undefined
  readonly bytes: number
  readonly sha256: string
  readonly firstByteMs: number
  readonly lastByteMs: number
}

/** How far a client that listens as it is spoken to runs ahead, in milliseconds. */
const ahead = 250

/** The JSON of a speech request: at the engine's own rate, where the format leaves that to whoever asks. */
export const speechBody = (input: string, format: string): string =>
  JSON.stringify({
    ...{ model: "tts-1", voice: "alloy", input, response_format: format },
    ...((format === "wav" || format === "pcm") && { sample_rate_hz: sampleRate }),
  })

/** Asks, and reads the whole answer. Fails unless it is a 200 that ends as it should. */
export const ask = ({ agent, body, contentType = "application/json", key, pace, url }: Question): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const started = performance.now()
    const headers = {
      "content-type": contentType,
      "content-length": Buffer.byteLength(body),
      ...(key !== "" && { authorization: `Bearer ${key}` }),
    }
    const asked = request(url, { method: "POST", agent: agent ?? false, headers }, (response) => {
      const hash = createHash("sha256")
      let bytes = 0
      let firstByteMs = 0
      const read = async (): Promise<Answer> => {
        for await (const chunk of response) {
          firstByteMs ||= performance.now() - started
          hash.update(chunk)
          bytes += chunk.length
          if (pace === undefined) continue
          const early = (bytes / pace) * 1_000 - (performance.now() - started - firstByteMs)
          if (early > ahead) await sleep(early - ahead)
        }
        if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
        if (!response.complete) throw new Error("broken off")
        const cache = response.headers["x-cache"]?.toString()
        return { cache, bytes, sha256: hash.digest("hex"), firstByteMs, lastByteMs: performance.now() - started }
      }
      read().then(resolve, reject)
    })
    asked.on("error", reject)
    asked.end(body)
  })

/** Half of the values are at most this; `share` of them for another share than half. */
export const percentile = (values: ReadonlyArray<number>, share = 0.5): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
