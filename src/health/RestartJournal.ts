import { Context, Effect, FileSystem, Layer, Option, Path, Schema } from "effect"
import { Settings } from "../Settings.ts"
import { EngineId } from "./EngineId.ts"
import { HealthError, JournalFailed } from "./HealthError.ts"

/**
 * One line of the journal; `at` is Unix time in milliseconds.
 *
 * - `claimed`: somebody is about to restart the engine, if the budget allows it (see `RestartBudget`)
 * - `ended`: the restart is over, well or not; the permit comes back one window later
 * - `returned`: the restart certainly did not happen
 * - `restored`: an operator gave the whole budget back
 * - `clock`: it is this time, though the record before is of a later one: the clock ran ahead then
 */
export const JournalRecord = Schema.Union([
  Schema.Struct({
    type: Schema.Literals(["claimed"]),
    id: Schema.String,
    engine: EngineId,
    at: Schema.Finite,
    reason: Schema.String,
  }),
  Schema.Struct({
    type: Schema.Literals(["ended", "returned"]),
    id: Schema.String,
    engine: EngineId,
    at: Schema.Finite,
  }),
  Schema.Struct({ type: Schema.Literals(["restored"]), engine: EngineId, at: Schema.Finite, reason: Schema.String }),
  Schema.Struct({ type: Schema.Literals(["clock"]), at: Schema.Finite }),
])
export type JournalRecord = typeof JournalRecord.Type

const JournalLine = Schema.fromJsonString(JournalRecord)
const encodeLine = Schema.encodeEffect(JournalLine)
const decodeLine = Schema.decodeUnknownOption(JournalLine)

/** Bytes read from the journal's end: some thousand records, where a window holds a handful. */
const tailBytes = 256 * 1024

/** The same for a journal in memory. */
const memoryRecords = 1_000

/**
 * Restarts, written down before they are done, in an order that all who read it agree on.
 *
 * - `append`: durable when it returns.
 * - `read`: the newest records, oldest first, skipping what is no record.
 */
interface Journal {
  readonly append: (record: JournalRecord) => Effect.Effect<void, HealthError>
  readonly read: Effect.Effect<ReadonlyArray<JournalRecord>, HealthError>
}

const make = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const { dataDir } = yield* Settings
  const file = path.join(dataDir, "restarts.jsonl")
  const failed = (what: string) => (error: { readonly message: string }) =>
    new HealthError({
      reason: new JournalFailed({ message: `The restart journal ${file} cannot be ${what}: ${error.message}` }),
    })

  const syncFolder = Effect.scoped(Effect.flatMap(fs.open(dataDir, { flag: "r" }), (folder) => folder.sync))

  const service: Journal = {
    // The newline in front ends whatever a crash left of the line before; one write of one short line in append mode
    // cannot mix with another gateway's.
    append: Effect.fn("RestartJournal.append")(function* (record) {
      const line = yield* Effect.orDie(encodeLine(record))
      yield* Effect.gen(function* () {
        const isNew = !(yield* fs.exists(file))
        if (isNew) yield* fs.makeDirectory(dataDir, { recursive: true, mode: 0o700 })
        yield* Effect.scoped(
          Effect.gen(function* () {
            const handle = yield* fs.open(file, { flag: "a", mode: 0o600 })
            yield* handle.writeAll(new TextEncoder().encode(`\n${line}\n`))
            yield* handle.sync
          }),
        )
        if (isNew) yield* syncFolder
      }).pipe(Effect.mapError(failed("written")))
    }, Effect.uninterruptible),
    read: Effect.scoped(
      Effect.gen(function* () {
        if (!(yield* fs.exists(file))) return []
        const handle = yield* fs.open(file, { flag: "r" })
        const size = Number((yield* handle.stat).size)
        if (size > tailBytes) yield* handle.seek(BigInt(size - tailBytes), "start")
        const bytes = yield* handle.readAlloc(Math.min(size, tailBytes))
        const text = Option.match(bytes, { onNone: () => "", onSome: (read) => new TextDecoder().decode(read) })
        return text.split("\n").flatMap((line) => Option.toArray(decodeLine(line)))
      }),
    ).pipe(Effect.mapError(failed("read"))),
  }
  return service
})

/** See `Journal`. */
export class RestartJournal extends Context.Service<RestartJournal, Journal>()("aviary/health/RestartJournal") {
  /** `restarts.jsonl` in the data directory, which several gateways of one machine may share. */
  static readonly layer = Layer.effect(RestartJournal, make)

  /** In `records`, which a test hands to the next gateway. */
  static readonly layerMemory = (records: Array<JournalRecord> = []) =>
    Layer.succeed(RestartJournal, {
      append: (record) => Effect.sync(() => void records.push(record)),
      read: Effect.sync(() => records.slice(-memoryRecords)),
    })
}
