/**
 * Identical requests in flight share one engine call. Announcements, alarms and retries ask for the same words at the same
 * moment, and an engine that says them two hundred times over is busy for minutes with one sentence. Whoever comes late
 * hears it from its beginning; whoever leaves, first of all the one that set it off, takes nothing from the others; whoever
 * reads slowly slows nobody and costs no memory.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, FileSystem } from "effect"
import { createHash } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { AudioFormat } from "../../src/audio/format/AudioFormat.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { countedNim } from "../support/countedNim.ts"
import { makeDice } from "../support/dice.ts"
import { startProcess } from "../support/gatewayProcess.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const seed = 20_261_121
const listeners = 200
const input = "Two hundred of us ask for this sentence at once, and the engine says it a single time. ".repeat(3).trim()
const body = { input, response_format: "pcm" }
const wholeBytes = (text: string) => Math.round(text.length * 1_544 * (24_000 / 22_050)) * 2

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

interface Plan {
  readonly slow: boolean
  /** Where it leaves, in bytes; absent: it stays to the end. */
  readonly leavesAt: number | undefined
}

/** Reads as planned: what was heard, or undefined of one that left. */
const listen = async (response: Response, plan: Plan): Promise<string | undefined> => {
  const reader = response.body!.getReader()
  const hash = createHash("sha256")
  let heard = 0
  for (;;) {
    if (plan.leavesAt !== undefined && heard >= plan.leavesAt) {
      await reader.cancel()
      return undefined
    }
    const { done, value } = await reader.read()
    if (done) return `${heard} ${hash.digest("hex")}`
    hash.update(value)
    heard += value.length
    if (plan.slow) await sleep(15)
  }
}

layer(NodeServices.layer, { excludeTestServices: true })("OneSynthesis", (it) => {
  it.effect(`${listeners} at once, half of them slow, a third leaving, the first one first`, () =>
    Effect.gen(function* () {
      const dice = makeDice(seed)
      const everyoneIsHere = yield* Deferred.make<void>()
      const nim = yield* countedNim({ hold: (text) => (text === input ? Deferred.await(everyoneIsHere) : Effect.void) })
      const gateway = yield* startAviary(nim)

      const leader = yield* rawConnection(gateway.port)
      leader.socket.write(jsonPost("/v1/audio/speech", { model: "tts-1", voice: "alloy", ...body }))
      expect(yield* leader.seen("\r\n\r\n")).toMatch(/x-cache: MISS/i)
      const responses = yield* Effect.forEach(
        Array.from({ length: listeners - 1 }),
        () => postSpeech(gateway.url, body),
        { concurrency: "unbounded" },
      )
      expect(new Set(responses.map((response) => response.headers.get("x-cache")))).toEqual(new Set(["COALESCED"]))
      leader.socket.destroy()
      yield* Deferred.succeed(everyoneIsHere, undefined)

      const plans = responses.map((_, index): Plan => ({
        slow: index % 2 === 0,
        leavesAt: index % 3 === 0 ? dice.below(wholeBytes(input)) : undefined,
      }))
      const heard = yield* Effect.promise(() => Promise.all(responses.map((one, index) => listen(one, plans[index]!))))

      expect(nim.callsOf(input), `seed ${seed}`).toBe(1)
      const again = yield* postSpeech(gateway.url, body)
      expect(again.headers.get("x-cache")).toBe("HIT")
      const entry = new Uint8Array(yield* Effect.promise(() => again.arrayBuffer()))
      expect(entry.length / wholeBytes(input)).toBeCloseTo(1, 2)
      const stayed = heard.filter((_, index) => plans[index]!.leavesAt === undefined)
      expect(stayed).toHaveLength(132)
      expect(new Set(stayed), `seed ${seed}`).toEqual(new Set([`${entry.length} ${sha256(entry)}`]))
      expect(yield* gateway.strays).toEqual([])
    }),
  )

  it.effect("a hundred listeners that do not read hold up nobody and are not kept in memory", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const everyoneIsHere = yield* Deferred.make<void>()
      const nim = yield* countedNim({
        hold: (text) => (text.startsWith("This goes on") ? Deferred.await(everyoneIsHere) : Effect.void),
      })
      const { memory, port, url } = yield* startProcess({
        AVIARY_DATA_DIR: yield* fs.makeTempDirectoryScoped(),
        AVIARY_MAGPIE_URL: nim.url.href,
        AVIARY_PARAKEET_URL: nim.url.href,
        AVIARY_LOG_LEVEL: "warn",
      })
      // Four minutes of speech. A copy for each listener would be 1.3 GB.
      const long = {
        ...body,
        input: "This goes on and on, for minutes, and half of those who asked are asleep. ".repeat(50),
      }
      // The program is at its size before it is measured.
      yield* Effect.promise(async () =>
        (await Effect.runPromise(postSpeech(url, { ...long, input: long.input.toUpperCase() }))).arrayBuffer(),
      )
      const before = memory().now
      yield* Effect.forEach(
        Array.from({ length: 100 }),
        () =>
          Effect.gen(function* () {
            const { seen, socket } = yield* rawConnection(port)
            socket.write(jsonPost("/v1/audio/speech", { model: "tts-1", voice: "alloy", ...long }))
            expect(yield* seen("\r\n\r\n")).toMatch(/x-cache: (MISS|COALESCED)/i)
            socket.pause()
          }),
        { concurrency: "unbounded" },
      )
      const awake = yield* postSpeech(url, long)
      yield* Deferred.succeed(everyoneIsHere, undefined)
      const whole = yield* Effect.promise(() => awake.arrayBuffer())
      expect(whole.byteLength / wholeBytes(long.input.trim())).toBeCloseTo(1, 2)
      const megabytes = (memory().peak - before) / 1_048_576
      expect(megabytes).toBeLessThan(150)
    }),
  )

  it.effect("what means the same is made once, and what changes the audio is made anew", () =>
    Effect.gen(function* () {
      const nim = yield* countedNim()
      const { url } = yield* startAviary(nim)
      const ask = (json: string, headers: Record<string, string> = {}) =>
        Effect.promise(async (signal) => {
          const response = await fetch(`${url}/v1/audio/speech`, {
            method: "POST",
            headers: { "content-type": "application/json", ...headers },
            body: json,
            signal,
          })
          expect(
            response.status,
            await response
              .clone()
              .text()
              .catch(() => ""),
          ).toBe(200)
          await response.arrayBuffer()
          return { cache: response.headers.get("x-cache"), entry: response.headers.get("content-location") }
        })
      const text = "The same words, however they are written down."
      const first = yield* ask(`{"model":"tts-1","input":"${text}","voice":"alloy"}`)
      expect(first.cache).toBe("MISS")

      for (const same of [
        `{"voice":"alloy","model":"tts-1","input":"${text}"}`,
        `{\n  "model" : "tts-1",\n  "input" : "${text}",\n  "voice" : "alloy"\n}`,
        `{"model":"tts-1","input":"${text}","voice":"alloy","response_format":"mp3","speed":1,"stream_format":"audio"}`,
        `{"model":"tts-1","input":"${text}","voice":"alloy","language":null,"instructions":"Cheerfully."}`,
        `{"model":"magpie-tts-multilingual","input":"${text}","voice":{"id":"Magpie-Multilingual.EN-US.Aria"}}`,
        `{"model":"tts-1","input":"${text}","voice":"aria","language":"en-US"}`,
        `{"model":"tts-1","input":"  ${text.replaceAll(" ", "\\n ")} ","voice":"alloy"}`,
        `{"model":"tts-1","input":"${text.replace("T", "\\u0054")}","voice":"alloy"}`,
      ]) {
        expect(yield* ask(same), same).toEqual({ cache: "HIT", entry: first.entry })
      }
      expect(nim.callsOf(text)).toBe(1)

      const entries = new Set([first.entry])
      const others = [
        `{"model":"tts-1","input":"${text.replace(".", "!")}","voice":"alloy"}`,
        `{"model":"tts-1","input":"${text.toUpperCase()}","voice":"alloy"}`,
        `{"model":"tts-1","input":"${text}","voice":"mia"}`,
        `{"model":"tts-1","input":"${text}","voice":"Mia.Happy"}`,
        `{"model":"tts-1","input":"${text}","voice":"alloy","language":"de-DE"}`,
        ...AudioFormat.literals
          .filter((format) => format !== "mp3")
          .map((format) => `{"model":"tts-1","input":"${text}","voice":"alloy","response_format":"${format}"}`),
        `{"model":"tts-1","input":"${text}","voice":"alloy","response_format":"wav","sample_rate_hz":16000}`,
      ]
      for (const other of others) {
        const { cache, entry } = yield* ask(other)
        expect(cache, other).toBe("MISS")
        entries.add(entry)
      }
      expect(entries.size).toBe(others.length + 1)
    }),
  )
})
