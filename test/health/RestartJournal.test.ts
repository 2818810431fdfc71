import { NodeServices } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { type JournalRecord, RestartJournal } from "../../src/health/RestartJournal.ts"
import { Settings } from "../../src/Settings.ts"

const journal = (dataDir: string) =>
  Effect.provide(Layer.fresh(RestartJournal.layer.pipe(Layer.provide(Layer.orDie(Settings.layerTest({ dataDir }))))))

const claim = (id: string): JournalRecord => ({
  type: "claimed",
  id,
  engine: "parakeet",
  at: 1,
  reason: 'it said "CUDA"\nand died',
})

const append = (record: JournalRecord) => Effect.flatMap(RestartJournal, (one) => one.append(record))
const readIds = Effect.flatMap(RestartJournal, (one) =>
  Effect.map(one.read, (records) => records.map((record) => ("id" in record ? record.id : record.type))),
)

const inFolder = <A, E, R>(body: (folder: string, fs: FileSystem.FileSystem) => Effect.Effect<A, E, R>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      return yield* body(yield* fs.makeTempDirectoryScoped(), fs)
    }),
  ).pipe(Effect.provide(NodeServices.layer))

it.effect("the next gateway reads what was written, in a folder that did not exist", () =>
  inFolder((folder) =>
    Effect.gen(function* () {
      const dataDir = `${folder}/new/data`
      assert.deepStrictEqual(yield* readIds.pipe(journal(dataDir)), [])
      yield* append(claim("1")).pipe(journal(dataDir))
      yield* append({ type: "ended", id: "1", engine: "parakeet", at: 2 }).pipe(journal(dataDir))
      const records = yield* Effect.flatMap(RestartJournal, (one) => one.read).pipe(journal(dataDir))
      assert.deepStrictEqual(records, [claim("1"), { type: "ended", id: "1", engine: "parakeet", at: 2 }])
    }),
  ),
)

it.effect("a line torn anywhere by a crash costs that line and no other", () =>
  inFolder((folder, fs) =>
    Effect.gen(function* () {
      yield* Effect.andThen(append(claim("1")), append(claim("2"))).pipe(journal(folder))
      const whole = yield* fs.readFileString(`${folder}/restarts.jsonl`)
      const second = whole.lastIndexOf("{")
      for (let length = second; length < whole.length - 1; length++) {
        yield* fs.writeFileString(`${folder}/restarts.jsonl`, whole.slice(0, length))
        assert.deepStrictEqual(yield* readIds.pipe(journal(folder)), ["1"])
        yield* append(claim("3")).pipe(journal(folder))
        const ids = yield* readIds.pipe(journal(folder))
        assert.deepStrictEqual(ids, ["1", "3"], `cut at ${length}`)
      }
    }),
  ),
)

it.effect("bytes of anything else are skipped, and a long past is not read", () =>
  inFolder((folder, fs) =>
    Effect.gen(function* () {
      const old = `${JSON.stringify(claim("old"))}\n`.repeat(10_000)
      yield* fs.writeFileString(`${folder}/restarts.jsonl`, `${old}\0\0\0\n{"type":"claimed"}\n[]\nnull\n`)
      yield* append(claim("new")).pipe(journal(folder))
      const ids = yield* readIds.pipe(journal(folder))
      assert.isBelow(ids.length, 5_000)
      assert.deepStrictEqual(ids.slice(-2), ["old", "new"])
    }),
  ),
)

it.effect("gateways that write at the same moment lose no line", () =>
  inFolder((folder) =>
    Effect.gen(function* () {
      const ids = Array.from({ length: 40 }, (_, n) => String(n))
      yield* Effect.forEach(ids, (id) => append(claim(id)).pipe(journal(folder)), { concurrency: "unbounded" })
      assert.sameMembers(yield* readIds.pipe(journal(folder)), ids)
    }),
  ),
)

it.effect("a data directory that cannot be written is an error that names the file", () =>
  inFolder((folder, fs) =>
    Effect.gen(function* () {
      yield* fs.writeFileString(`${folder}/taken`, "")
      const error = yield* Effect.flip(append(claim("1")).pipe(journal(`${folder}/taken`)))
      assert.strictEqual(error.reason._tag, "JournalFailed")
      assert.include((error.reason as { message: string }).message, `${folder}/taken/restarts.jsonl`)
    }),
  ),
)
