import { Effect, FileSystem } from "effect"
import { audioDigest } from "./audioDigest.ts"
import { postSpeech } from "./aviary.ts"
import { countedNim } from "./countedNim.ts"
import { makeDice } from "./dice.ts"
import { startProcess } from "./gatewayProcess.ts"
import { scratchFiles, scratchFolders, unfinishedUpload, uploadBegun } from "./killedUploads.ts"

const texts = Array.from({ length: 12 }, (_, index) =>
  `Sentence ${index} is said again and again while the gateway is killed. `.repeat(1 + (index % 4)).trim(),
)
const formats = ["pcm", "mp3", "wav"] as const
const speeches = texts.flatMap((input) => formats.map((response_format) => ({ input, response_format })))

const clients = 8

/**
 * What a series of kills showed.
 *
 * @property hits answers HIT after a restart, each compared with its reference
 * @property made speeches made anew after a restart, each compared too
 * @property strays temporary files found dead after a kill; all were gone when the next gateway listened
 * @property uploads those of them that were uploads
 * @property cut answers that a kill broke off in mid-stream
 * @property faults whatever was not as it must be
 */
export interface KillFigures {
  readonly kills: number
  readonly hits: number
  readonly made: number
  readonly strays: number
  readonly uploads: number
  readonly cut: number
  readonly faults: ReadonlyArray<string>
}

const name = ({ input, response_format }: (typeof speeches)[number]) =>
  `${input.slice(0, 11)}×${input.length} ${response_format}`

/**
 * Kills the gateway's process so many times, at moments of `seed`'s choosing, while clients hear speeches from it; after
 * every restart each speech is asked for and compared, byte for byte, with what an undisturbed gateway makes.
 */
export const killRepeatedly = Effect.fnUntraced(function* (options: {
  readonly kills: number
  readonly seed: number
  readonly onKill?: (done: number, so: KillFigures) => void
}) {
  const fs = yield* FileSystem.FileSystem
  const dice = makeDice(options.seed)
  // Each speech takes the engine a moment, so that kills meet it, its file and its rename.
  const nim = yield* countedNim()
  yield* nim.setFaults([{ kind: "slow", millis: 1, route: "synthesize_online" }])
  const start = (dataDir: string) =>
    startProcess({
      AVIARY_DATA_DIR: dataDir,
      AVIARY_MAGPIE_URL: nim.url.href,
      AVIARY_PARAKEET_URL: nim.url.href,
      AVIARY_LOG_LEVEL: "warn",
      AVIARY_MAGPIE_CONCURRENCY: "8",
      // Not quite enough for all of them: eviction is at work as well.
      AVIARY_CACHE_MAX_BYTES: "12 MiB",
    })
  const hear = async (url: string, speech: (typeof speeches)[number]) => {
    const response = await Effect.runPromise(postSpeech(url, speech))
    const bytes = await response.arrayBuffer()
    const cache = response.headers.get("x-cache")
    return { status: response.status, cache, sha256: audioDigest(bytes, cache) }
  }

  const references = yield* Effect.scoped(
    Effect.gen(function* () {
      const { url } = yield* start(yield* fs.makeTempDirectoryScoped({ prefix: "aviary-reference-" }))
      const heard = new Map<string, string>()
      for (const speech of speeches) heard.set(name(speech), (yield* Effect.promise(() => hear(url, speech))).sha256)
      return heard
    }),
  )

  const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-killed-" })
  const faults: Array<string> = []
  let [hits, made, strays, uploads, cut] = [0, 0, 0, 0, 0]
  const figures = (kills: number): KillFigures => ({ kills, hits, made, strays, uploads, cut, faults })

  /** One life: compare what is there, then load until killed. */
  const live = Effect.fnUntraced(function* (round: number, isLast: boolean) {
    const dead = yield* Effect.promise(() => scratchFolders(dataDir))
    const left = yield* Effect.promise(() => scratchFiles(dataDir))
    uploads += left.filter((file) => file.startsWith("tmp/")).length
    strays += left.length
    const gateway = yield* start(dataDir)
    const unswept = (yield* Effect.promise(() => scratchFolders(dataDir))).filter((folder) => dead.includes(folder))
    if (unswept.length > 0) faults.push(`round ${round}: not swept: ${unswept.join(", ")}`)

    // Some at each restart, all of them at the end: what is asked for here is no longer left to be found half-made.
    const asked = speeches.filter(() => isLast || dice.chance(0.4))
    yield* Effect.forEach(
      asked,
      (speech) =>
        Effect.promise(async () => {
          const answer = await hear(gateway.url, speech)
          if (answer.status !== 200 || answer.sha256 !== references.get(name(speech)))
            faults.push(`round ${round}: ${name(speech)} answered ${answer.status} ${answer.cache} with other bytes`)
          if (answer.cache === "HIT") hits++
          else made++
        }),
      { concurrency: 4, discard: true },
    )
    if (isLast) return

    let over = false
    const client = async () => {
      while (!over) {
        const refreshed = dice.chance(0.5) ? { "cache-control": "no-cache" } : {}
        const response = await Effect.runPromise(
          postSpeech(gateway.url, dice.pick(speeches), { headers: refreshed }),
        ).catch(() => undefined)
        if (response === undefined) continue
        const heard = await response.arrayBuffer().catch(() => undefined)
        if (heard === undefined) cut++
      }
    }
    const load = [...Array.from({ length: clients }, client), unfinishedUpload(gateway.url)]
    yield* Effect.promise(() => uploadBegun(dataDir))
    yield* Effect.sleep(20 + dice.below(400))
    yield* gateway.kill
    over = true
    yield* Effect.promise(() => Promise.all(load))
    options.onKill?.(round + 1, figures(round + 1))
  })

  for (let round = 0; round <= options.kills; round++) yield* Effect.scoped(live(round, round === options.kills))
  return figures(options.kills)
})
