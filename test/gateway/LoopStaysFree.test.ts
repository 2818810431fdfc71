/**
 * No blocking call on the event loop: engines, decoders and fsync run elsewhere, so the listings stay quick while
 * everything else is busy. Shown by order, not by a clock: all of many small requests are answered before the large ones
 * that were there first, and no turn of the loop is taken up by what many are handed at once. `test/scripts/loopDelay.ts`
 * has the figures.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Schedule } from "effect"
import { readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { countedNim } from "../support/countedNim.ts"
import { type GatewayProcess, startProcess } from "../support/gatewayProcess.ts"
import { jsonPost, rawConnection } from "../support/rawHttp.ts"

const hear = (url: string, clip: Uint8Array<ArrayBuffer>) => {
  const form = new FormData()
  form.set("model", "whisper-1")
  form.set("file", new Blob([clip]), "clip.wav")
  return Effect.promise(async () =>
    (await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })).json(),
  )
}

/** The most bytes that the gateway wrote to its sockets between one turn of its loop and the next, so far. */
const mostWritten = ({ output, signal }: GatewayProcess) =>
  Effect.gen(function* () {
    signal("SIGUSR2")
    const line = yield* Effect.repeat(
      Effect.sync(() => /^watched (.*)$/m.exec(output())?.[1]),
      { until: (found) => found !== undefined, schedule: Schedule.spaced("10 millis") },
    )
    return (JSON.parse(line!) as { written: number }).written
  })

layer(NodeServices.layer, { excludeTestServices: true })("LoopStaysFree", (it) => {
  it.effect("listings are answered while engines inside the process speak and listen", () =>
    Effect.gen(function* () {
      const { url } = yield* startAviary(undefined)
      const clip = new Uint8Array(
        yield* Effect.promise(() =>
          readFile(new URL("../support/audio/sense-and-sensibility-0870.wav", import.meta.url)),
        ),
      )
      const order: Array<string> = []
      const done = (what: string) => Effect.sync(() => order.push(what))
      const speak = (i: number) =>
        postSpeech(url, { input: `Speech ${i}. `.concat("The loop stays free while others speak. ".repeat(15)) }).pipe(
          Effect.flatMap((response) => Effect.promise(() => response.arrayBuffer())),
          Effect.andThen(done("large")),
        )
      const list = Effect.promise(async () => (await fetch(`${url}/v1/models`)).json()).pipe(
        Effect.andThen(done("small")),
      )
      const large = Array.from({ length: 8 }, (_, i) => [speak(i), Effect.andThen(hear(url, clip), done("large"))])
      yield* Effect.all([...large.flat(), Effect.repeat(list, { times: 19 })], { concurrency: "unbounded" })
      expect(order.filter((what) => what === "small")).toHaveLength(20)
      const lastSmall = order.lastIndexOf("small")
      expect(order.slice(lastSmall).filter((what) => what === "large").length).toBeGreaterThan(8)
    }),
  )

  it.effect("a hundred clients that ask for megabytes and read nothing hold up nobody, and take no memory", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const nim = yield* countedNim()
      const gateway = yield* startProcess({
        AVIARY_DATA_DIR: yield* fs.makeTempDirectoryScoped({ prefix: "aviary-loop-" }),
        AVIARY_MAGPIE_URL: nim.url.href,
        AVIARY_PARAKEET_URL: nim.url.href,
        AVIARY_LOG_LEVEL: "warn",
        NODE_OPTIONS: `--import ${fileURLToPath(new URL("../support/loopWatch.ts", import.meta.url))}`,
      })
      const speech = { input: "It takes five minutes to say this. ".repeat(117), response_format: "wav" }
      const made = yield* postSpeech(gateway.url, speech)
      expect((yield* Effect.promise(() => made.arrayBuffer())).byteLength).toBeGreaterThan(13_000_000)
      const { peak: before } = gateway.memory()
      const asks = [
        jsonPost("/v1/audio/speech", { model: "tts-1", voice: "alloy", ...speech }),
        `GET ${made.headers.get("content-location")} HTTP/1.1\r\nhost: localhost\r\n\r\n`,
      ]
      const reader = Effect.fnUntraced(function* (index: number) {
        const { socket, seen } = yield* rawConnection(gateway.port)
        socket.write(asks[index % 2]!)
        yield* seen("HTTP/1.1 200 OK")
        socket.pause()
      })
      yield* Effect.forEach(Array.from({ length: 100 }).keys(), reader, { concurrency: "unbounded" })
      for (const path of ["/health/live", "/v1/models"]) {
        expect((yield* Effect.promise(() => fetch(gateway.url + path))).status).toBe(200)
      }
      const written = yield* mostWritten(gateway)
      expect(written).toBeGreaterThan(65_536)
      // All of them at once would be six million.
      expect(written).toBeLessThan(1_000_000)
      expect(gateway.memory().peak - before).toBeLessThan(100_000_000)
    }),
  )
})
