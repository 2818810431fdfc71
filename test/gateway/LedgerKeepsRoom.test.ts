/**
 * The cache grows until its limit or the end of the disk, whichever is first. A ledger that finds no room on the same disk can
 * charge nobody, so nobody would be served until an operator came and purged. So the cache leaves a reserve, gives way when
 * others use it up, and readiness says what is wrong while it cannot help.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { statfsSync } from "node:fs"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { countedNim } from "../support/countedNim.ts"
import { NimTest } from "../support/nim.ts"
import { smallDisk, withoutMounts } from "../support/smallDisk.ts"

const adminToken = "the-operator-s-own"

/** Half a megabyte of audio or more. */
const say = (url: string, name: string) =>
  Effect.flatMap(
    postSpeech(url, { input: `${name}: ${"a sentence that goes on and on, ".repeat(5)}`, response_format: "wav" }),
    (response) => Effect.promise(async () => ((await response.arrayBuffer()).byteLength > 44 ? response.status : 0)),
  ).pipe(Effect.catchCause(() => Effect.succeed(0)))

/** Speeches that the ledger has charged for. */
const charged = (url: string) =>
  Effect.promise(async () => {
    const since = Math.floor(Date.now() / 1_000) - 86_400
    const response = await fetch(`${url}/v1/organization/usage/audio_speeches?start_time=${since}`, {
      headers: { authorization: `Bearer ${adminToken}` },
    })
    const { data } = (await response.json()) as { data: Array<{ results: Array<{ num_model_requests: number }> }> }
    return data.flatMap(({ results }) => results).reduce((sum, { num_model_requests }) => sum + num_model_requests, 0)
  })

const free = (directory: string) => {
  const { bavail, bsize } = statfsSync(directory)
  return bavail * bsize
}

layer(Layer.provideMerge(NimTest.layer, NodeServices.layer), { excludeTestServices: true })("LedgerKeepsRoom", (it) => {
  it.effect.skipIf(withoutMounts)(
    "more speech than the disk holds: all of it is spoken and charged, and the reserve stays free",
    () =>
      Effect.gen(function* () {
        const disk = yield* smallDisk("24m")
        const { url } = yield* startAviary(yield* countedNim(), {
          dataDir: disk.directory,
          cacheReserveBytes: "12 MiB",
          adminToken,
        })
        const names = Array.from({ length: 40 }, (_, n) => `Number ${n}`)
        expect(yield* Effect.forEach(names, (name) => say(url, name))).toEqual(names.map(() => 200))
        expect(yield* charged(url)).toBe(40)
        // What is being written comes on top, and so does the ledger itself.
        expect(free(disk.directory)).toBeGreaterThan(6 * 1_048_576)
        const evicted = yield* Effect.promise(async () => (await fetch(`${url}/metrics`)).text())
        expect(evicted).toMatch(/^aviary_cache_evicted_entries_total\{reason="room"\} [1-9]/m)
      }),
    60_000,
  )

  it.effect.skipIf(withoutMounts)("a disk that nothing can give way on: readiness says so until there is room", () =>
    Effect.gen(function* () {
      const disk = yield* smallDisk("8m")
      const { url } = yield* startAviary(yield* countedNim(), { dataDir: disk.directory, cacheMaxBytes: "0" })
      const ready = Effect.promise(async () => {
        const response = await fetch(`${url}/health/ready`)
        const { storage } = (await response.json()) as { storage: Record<"ledger" | "data", { reason?: string }> }
        return [response.status, storage.ledger.reason, storage.data.reason]
      })
      expect(yield* ready).toEqual([200, undefined, undefined])
      disk.fill()
      expect(yield* say(url, "Unpaid")).toBe(503)
      const until = (wanted: ReadonlyArray<unknown>) =>
        ready.pipe(
          Effect.repeat({
            until: (answer) => JSON.stringify(answer) === JSON.stringify(wanted),
            schedule: Schedule.spaced("100 millis"),
          }),
          Effect.timeout("60 seconds"),
        )
      expect(yield* until([503, "LedgerFull", "DiskFull"])).toEqual([503, "LedgerFull", "DiskFull"])
      disk.free()
      expect(yield* until([200, undefined, undefined])).toEqual([200, undefined, undefined])
      expect(yield* say(url, "Paid")).toBe(200)
    }),
  )

  it.effect.skipIf(withoutMounts)(
    "others fill the disk: entries give way until the ledger can charge again, without anybody's help",
    () =>
      Effect.gen(function* () {
        const disk = yield* smallDisk("24m")
        const { url } = yield* startAviary(yield* countedNim(), {
          dataDir: disk.directory,
          cacheReserveBytes: "4 MiB",
          adminToken,
        })
        for (let n = 0; n < 12; n++) expect(yield* say(url, `Number ${n}`)).toBe(200)
        disk.fill()
        expect(free(disk.directory)).toBe(0)
        const again = yield* say(url, "After").pipe(
          Effect.repeat({ until: (status) => status === 200, schedule: Schedule.spaced("200 millis") }),
          Effect.timeout("30 seconds"),
        )
        expect(again).toBe(200)
        expect(free(disk.directory)).toBeGreaterThan(1_048_576)
        expect(yield* charged(url)).toBe(13)
      }),
    60_000,
  )
})
