/**
 * A key that answers HIT answers with complete, verified bytes, whatever happened before: engines that stop half-way, disks
 * that fill up, turn read-only or vanish, other gateways that write the same entry. Caches of other projects have served a
 * 0-byte file and a 44-byte WAV for good. Where the disk will not have an entry, the client still gets its audio.
 *
 * The same at every single call to the file system: `test/cache/Flights.faults.test.ts`. `kill -9`: `SurvivesKill.test.ts`.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem, Metric, Schedule } from "effect"
import { rmSync } from "node:fs"
import type { NimFault } from "../../src/nim/NimFault.ts"
import * as Metrics from "../../src/telemetry/Metrics.ts"
import { audioDigest } from "../support/audioDigest.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { countedNim } from "../support/countedNim.ts"
import { startProcess } from "../support/gatewayProcess.ts"
import { shareDirectory } from "../support/sharedCache.ts"
import { smallDisk, withoutMounts } from "../support/smallDisk.ts"

const input = "A text that is long enough for the engine to make some seconds of audio before it stops."
const half = Math.floor(input.length / 2) * 1_544 * 2

/** What became of a speech; `bytes` is undefined where the answer broke off. */
const hear = (url: string, body: Record<string, unknown>) =>
  Effect.gen(function* () {
    const response = yield* postSpeech(url, body)
    const bytes = yield* Effect.promise(() => response.arrayBuffer().catch(() => undefined))
    return {
      status: response.status,
      cache: response.headers.get("x-cache"),
      sha256: bytes === undefined ? undefined : audioDigest(bytes, response.headers.get("x-cache")),
    }
  })

const endings: ReadonlyArray<[string, NimFault, "error" | "broken off"]> = [
  ["ends half-way, but cleanly", { kind: "shorten", afterBytes: half }, "broken off"],
  ["ends with half a sample", { kind: "shorten", afterBytes: half + 1 }, "broken off"],
  ["is cut half-way", { kind: "cut", afterBytes: half }, "broken off"],
  ["ends without a byte", { kind: "shorten", afterBytes: 0 }, "error"],
  ["answers 200 with HTML", { kind: "mislabel", as: "html" }, "error"],
  ["answers 200 with JSON", { kind: "mislabel", as: "json" }, "error"],
]

/** A real gateway process whose cache is `cacheDir`, and the reference for what it must say of a text. */
const onDisk = Effect.fnUntraced(function* (cacheDir: string) {
  const fs = yield* FileSystem.FileSystem
  const nim = yield* countedNim()
  const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-nopartial-" })
  const { output, url } = yield* startProcess({
    AVIARY_DATA_DIR: dataDir,
    AVIARY_CACHE_DIR: cacheDir,
    // These disks are smaller than what is left free by default.
    AVIARY_CACHE_RESERVE_BYTES: "0",
    AVIARY_MAGPIE_URL: nim.url.href,
    AVIARY_PARAKEET_URL: nim.url.href,
  })
  const body = { input, response_format: "wav" }
  const { sha256 } = yield* Effect.flatMap(
    postSpeech(url, body, { headers: { "cache-control": "no-store" } }),
    (response) => Effect.promise(async () => ({ sha256: audioDigest(await response.arrayBuffer(), "BYPASS") })),
  )
  // Uncached speeches pass through a file as well, which goes right after them.
  yield* fs.readDirectory(cacheDir, { recursive: true }).pipe(
    Effect.filterOrFail((names) => names.every((name) => /(^tmp|^v1|owner\.json|tmp\/[0-9a-f]{16})$/.test(name))),
    Effect.eventually,
    Effect.timeout("1 minute"),
  )
  /** A line may come after the answer that it is about. */
  const count = (pattern: RegExp) =>
    Effect.repeat(
      Effect.sync(() => output().match(pattern)?.length ?? 0),
      { until: (lines) => lines > 0, schedule: Schedule.spaced("10 millis") },
    )
  return {
    url,
    body,
    nim,
    hear: hear(url, body),
    miss: { status: 200, cache: "MISS", sha256 },
    hit: { status: 200, cache: "HIT", sha256 },
    /** Lines about trouble of this kind, and about its end. */
    complaints: (kind: string) => count(new RegExp(`The cache cannot write entries.*kind=${kind}`, "g")),
    /** Lines about the cache's own folder that had to be made again. */
    remade: count(/The folder \S+ was removed while it was in use, and has been made again/g),
    relieved: count(/The cache can write entries again/g),
  }
})

layer(NodeServices.layer, { excludeTestServices: true })("NoPartialHit", (it) => {
  it.effect.each(endings)("nothing is kept when the engine %s, for leader and followers", ([, fault, answered]) =>
    Effect.gen(function* () {
      const nim = yield* countedNim()
      const { strays, url } = yield* startAviary(nim)
      yield* nim.setFaults([{ ...fault, route: "synthesize_online", text: input }])
      for (const response_format of ["pcm", "wav", "mp3"]) {
        const answers = yield* Effect.all(
          [1, 2, 3].map(() => hear(url, { input, response_format })),
          {
            concurrency: "unbounded",
          },
        )
        for (const answer of answers) {
          expect(answer.cache).not.toBe("HIT")
          if (answered === "broken off") expect(answer).toMatchObject({ status: 200, sha256: undefined })
          else expect(answer.status).toBe(502)
        }
      }
      yield* nim.setFaults([])
      for (const response_format of ["pcm", "wav", "mp3"]) {
        const again = yield* hear(url, { input, response_format })
        expect(again).toMatchObject({ status: 200, cache: "MISS" })
        expect(yield* hear(url, { input, response_format })).toEqual({ ...again, cache: "HIT" })
      }
      expect(yield* strays).toEqual([])
    }),
  )

  it.effect.skipIf(withoutMounts)("a full disk: served uncached, said once, and over as soon as there is room", () =>
    Effect.gen(function* () {
      const disk = yield* smallDisk("1m")
      const { complaints, hear, hit, miss, relieved } = yield* onDisk(disk.directory)
      disk.fill()
      for (let time = 0; time < 3; time++) expect(yield* hear).toEqual(miss)
      expect(yield* complaints("ENOSPC")).toBe(1)
      disk.free()
      expect(yield* hear).toEqual(miss)
      expect(yield* hear).toEqual(hit)
      expect(yield* relieved).toBe(1)
    }),
  )

  it.effect.skipIf(withoutMounts)("a disk that fills up in mid-entry keeps nothing of it, and the metric tells", () =>
    Effect.gen(function* () {
      const disk = yield* smallDisk("256k")
      const nim = yield* countedNim()
      const { url } = yield* startAviary(nim, { cacheDir: disk.directory, cacheReserveBytes: "0" })
      const trouble = Metric.value(
        Metric.withAttributes(Metrics.cacheTrouble, { operation: "write_entries", reason: "ENOSPC" }),
      )
      const before = (yield* trouble).count
      // About 400 kB as wav: more than fits. As mp3 it does.
      const big = { input: input.repeat(2).slice(0, 120), response_format: "wav" }
      const first = yield* hear(url, big)
      expect(first).toMatchObject({ status: 200, cache: "MISS" })
      expect(yield* hear(url, big)).toEqual(first)
      expect((yield* trouble).count).toBe(before + 2)
      const small = yield* hear(url, { ...big, response_format: "mp3" })
      expect(yield* hear(url, { ...big, response_format: "mp3" })).toEqual({ ...small, cache: "HIT" })
    }),
  )

  it.effect.skipIf(withoutMounts)("a disk that turns read-only: hits go on, misses are served uncached", () =>
    Effect.gen(function* () {
      const disk = yield* smallDisk("1m")
      const { complaints, hear: hearIt, hit, miss, relieved, url } = yield* onDisk(disk.directory)
      expect(yield* hearIt).toEqual(miss)
      disk.remount("ro")
      expect(yield* hearIt).toEqual(hit)
      const other = { input: `${input} And another.`, response_format: "mp3" }
      const made = yield* hear(url, other)
      expect(made).toMatchObject({ status: 200, cache: "MISS" })
      expect(yield* hear(url, other)).toEqual(made)
      expect(yield* complaints("EROFS")).toBe(1)
      disk.remount("rw")
      expect(yield* hear(url, other)).toEqual(made)
      expect(yield* hear(url, other)).toEqual({ ...made, cache: "HIT" })
      expect(yield* relieved).toBe(1)
    }),
  )

  it.effect("a cache directory that vanishes is made again, and nothing that was in it is promised any more", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-vanishing-" })
      const { hear: hearIt, hit, miss, nim, remade, url } = yield* onDisk(directory)
      expect(yield* hearIt).toEqual(miss)
      rmSync(directory, { recursive: true })
      // What is hot may be served from memory for a while; another speech must be made, whatever became of its place.
      const other = { input: `${input} And another.`, response_format: "wav" }
      const first = yield* hear(url, other)
      expect(first).toMatchObject({ status: 200, cache: "MISS" })
      const second = yield* hear(url, other)
      const third = yield* hear(url, other)
      expect([second.sha256, third.sha256]).toEqual([first.sha256, first.sha256])
      expect(third.cache).toBe("HIT")
      expect((yield* hearIt).sha256).toBe(hit.sha256)
      expect(nim.callsOf(other.input)).toBeLessThanOrEqual(2)
      expect(yield* remade, "said once").toBe(1)
    }),
  )

  it.effect(
    "two gateways on one directory never answer with half or mixed bytes, and make each speech once at most",
    () =>
      Effect.gen(function* () {
        const seed = 20_261_121
        const { answers, calls, faults, hits, left } = yield* shareDirectory({ requests: 150, seed })
        expect(faults, `seed ${seed}`).toEqual([])
        expect(calls).toBeGreaterThanOrEqual(10)
        expect(calls).toBeLessThanOrEqual(20)
        expect([answers > 100, hits > 10, left > 0]).toEqual([true, true, true])
      }),
    120_000,
  )
})
