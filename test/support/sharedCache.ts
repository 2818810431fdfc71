import { Effect, FileSystem } from "effect"
import { createHash } from "node:crypto"
import { postSpeech } from "./aviary.ts"
import { countedNim } from "./countedNim.ts"
import { makeDice } from "./dice.ts"
import { startProcess } from "./gatewayProcess.ts"

const speeches = Array.from({ length: 10 }, (_, index) => ({
  input: `Announcement ${index} is asked of both gateways at the same moment. `.repeat(1 + (index % 3)).trim(),
  response_format: index % 2 === 0 ? "pcm" : "mp3",
}))

/**
 * What two gateways on one directory showed.
 *
 * @property calls engine calls for the first round, in which nobody leaves: at most one per gateway and speech
 * @property answers whole answers, each compared
 * @property left answers whose client left in mid-stream
 * @property faults whatever was not as it must be
 */
export interface SharedFigures {
  readonly calls: number
  readonly answers: number
  readonly hits: number
  readonly left: number
  readonly faults: ReadonlyArray<string>
}

/**
 * Two gateway processes on one cache directory under the same load: first everybody asks for everything at once, then
 * clients ask `requests` times, refresh, leave in mid-stream, and entries are evicted under them.
 */
export const shareDirectory = Effect.fnUntraced(function* (options: {
  readonly requests: number
  readonly seed: number
}) {
  const fs = yield* FileSystem.FileSystem
  const dice = makeDice(options.seed)
  const nim = yield* countedNim()
  yield* nim.setFaults([{ kind: "slow", millis: 1, route: "synthesize_online" }])
  const cacheDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-shared-" })
  const start = Effect.gen(function* () {
    return yield* startProcess({
      AVIARY_DATA_DIR: yield* fs.makeTempDirectoryScoped({ prefix: "aviary-share-" }),
      AVIARY_CACHE_DIR: cacheDir,
      AVIARY_CACHE_MAX_BYTES: "2 MiB",
      AVIARY_MAGPIE_URL: nim.url.href,
      AVIARY_PARAKEET_URL: nim.url.href,
      AVIARY_LOG_LEVEL: "warn",
    })
  })
  const gateways = yield* Effect.all([start, start], { concurrency: 2 })

  const whole = new Map<string, string>()
  const faults: Array<string> = []
  let [answers, hits, left] = [0, 0, 0]

  const hear = async (url: string, speech: (typeof speeches)[number], headers: Record<string, string> = {}) => {
    const response = await Effect.runPromise(postSpeech(url, speech, { headers }))
    const bytes = new Uint8Array(await response.arrayBuffer())
    const sha256 = createHash("sha256").update(bytes).digest("hex")
    const cache = response.headers.get("x-cache")
    const expected = whole.get(speech.input) ?? sha256
    whole.set(speech.input, expected)
    answers++
    if (cache === "HIT") hits++
    if (response.status !== 200 || sha256 !== expected)
      faults.push(`${speech.input.slice(0, 14)} answered ${response.status} ${cache} with ${bytes.length} other bytes`)
  }

  const leave = async (url: string, speech: (typeof speeches)[number]) => {
    const response = await Effect.runPromise(postSpeech(url, speech, { headers: { "cache-control": "no-cache" } }))
    const reader = response.body!.getReader()
    await reader.read()
    await reader.cancel()
    left++
  }

  const everyoneAtOnce = speeches.flatMap((speech) =>
    gateways.flatMap(({ url }) => [hear(url, speech), hear(url, speech), hear(url, speech)]),
  )
  yield* Effect.promise(() => Promise.all(everyoneAtOnce))
  const counts = speeches.map(({ input }) => nim.callsOf(input))
  for (const [index, count] of counts.entries())
    if (count > gateways.length) faults.push(`announcement ${index} was made ${count} times by two gateways`)

  let asked = 0
  const client = async () => {
    while (asked++ < options.requests) {
      const { url } = dice.pick(gateways)
      const speech = dice.pick(speeches)
      const action = dice.below(10)
      if (action === 0) await leave(url, speech)
      else await hear(url, speech, action < 4 ? { "cache-control": "no-cache" } : {})
    }
  }
  yield* Effect.promise(() => Promise.all(Array.from({ length: 8 }, client)))
  // Each asks for what the other may have written last.
  for (const { url } of gateways) for (const speech of speeches) yield* Effect.promise(() => hear(url, speech))

  const calls = counts.reduce((sum, count) => sum + count, 0)
  // The fake Parakeet's transcripts are not those that a probe wants, which is logged too.
  const printed = gateways.flatMap(({ output }) =>
    output()
      .split("\n")
      .filter((line) => /level=(ERROR|FATAL)|The cache|cache entry|Response broken off/.test(line)),
  )
  return { calls, answers, hits, left, faults: [...faults, ...printed] } satisfies SharedFigures
})
