import { Effect, Exit, Layer, RcRef } from "effect"
import { join } from "node:path"
import { Settings } from "../../Settings.ts"
import * as Metrics from "../../telemetry/Metrics.ts"
import * as AnsweringThread from "../../workers/AnsweringThread.ts"
import { type WorkerLost, workerUrl } from "../../workers/WorkerPool.ts"
import { BillingError } from "../BillingError.ts"
import { exitOf, gather } from "../GroupCommit.ts"
import { Ledger } from "../Ledger.ts"
import { makeLedgerDoubt } from "../LedgerDoubt.ts"
import { makeKnownKeys } from "../KnownKeys.ts"
import {
  type Answer,
  type Answered,
  type Asked,
  type OperationName,
  queries,
  type Question,
  reports,
} from "../Operations.ts"
import {
  type BookOptions,
  type LedgerAnswer,
  type LedgerQuestion,
  type LedgerWorkerData,
  makeAgain,
  openBook,
  received,
} from "./SqliteBook.ts"

type Options = Omit<BookOptions, "readOnly" | "checked">

/** Those that change what is known of keys. */
const concernKeys: ReadonlySet<OperationName> = new Set<OperationName>(["revokeKey", "changeAccountState"])

/** Milliseconds that a key counts as it was, where another process on the same ledger has changed it and nothing was written since. */
const unheardFor = 1_000

/** Longer than the ledger waits for a lock. */
const patienceMillis = 10_000

const make = Effect.fnUntraced(function* (options: Options) {
  const knownKeys = makeKnownKeys(() => unheardFor)
  let version = 0
  /** What another process has changed may be a key. */
  const heard = (now: number) => {
    if (now !== version) knownKeys.forgetAll()
    version = now
  }

  const context = yield* Effect.context<never>()
  let commits = 0
  // A thread that replaces another counts from the start.
  const committed = (now: number) => {
    const more = now < commits ? now : now - commits
    commits = now
    if (more > 0) Metrics.ledgerCommits.updateUnsafe(more, context)
  }

  const lane = Effect.fnUntraced(function* (readOnly: boolean) {
    const workerData: LedgerWorkerData = { ...options, readOnly }
    const thread = yield* AnsweringThread.make<LedgerQuestion, LedgerAnswer>({
      url: workerUrl("LedgerWorker", import.meta.url),
      workerData,
      patienceMillis,
    })
    // All of a ledger is read when it is opened.
    const opened = yield* Effect.mapError(thread.await({ open: true }), toBillingError)
    if ("cannotOpen" in opened) return yield* new BillingError({ reason: makeAgain(opened.cannotOpen) })
    const answersOf = (asked: ReadonlyArray<Asked>, said: LedgerAnswer): ReadonlyArray<Answered> => {
      if ("cannotOpen" in said) return asked.map(() => ({ refused: makeAgain(said.cannotOpen) }))
      if (!readOnly) {
        heard(said.version)
        committed(said.commits)
      }
      return said.answered.map(received)
    }
    return yield* gather((asked, done) =>
      thread.post({ apply: asked }, (exit) =>
        done(Exit.map(Exit.mapError(exit, toBillingError), (said) => answersOf(asked, said))),
      ),
    )
  })

  const change = yield* lane(false)
  const doubt = makeLedgerDoubt(change)
  // Each thread is 50 MB: those that read start with the first question and go when there are none.
  const look = yield* RcRef.make({ acquire: lane(true), idleTimeToLive: "10 minutes" })
  const report = yield* RcRef.make({ acquire: lane(true), idleTimeToLive: "1 minute" })

  const answerTo = (asked: Asked): Effect.Effect<unknown, BillingError> => {
    if (asked.name === "keyByHash") {
      const { hash } = asked.input as Question<"keyByHash">
      // By the thread that changes: the first request of a key starts no other.
      return knownKeys.find(hash, change(asked) as Effect.Effect<Answer<"keyByHash">, BillingError>)
    }
    if (concernKeys.has(asked.name)) return Effect.ensuring(change(asked), Effect.sync(knownKeys.forgetAll))
    if (!queries.has(asked.name)) return change(asked)
    const reader = reports.has(asked.name) ? report : look
    return Effect.scoped(Effect.flatMap(RcRef.get(reader), (run) => run(asked)))
  }

  return Ledger.of({
    check: doubt.check,
    run: (name, input) => Effect.tapError(answerTo({ name, input }), doubt.note) as never,
    commits: Effect.sync(() => commits),
  })
})

const toBillingError = (error: WorkerLost): BillingError => BillingError.unavailable("lost", error.message)

export const layerAt = (options: Options) => Layer.effect(Ledger, make(options))

/** SQLite in the data directory. Does not build where the ledger is damaged, newer than this program or kept in another currency. */
export const layer = Layer.unwrap(
  Effect.map(Settings, ({ dataDir, currency }) => layerAt({ path: join(dataDir, "ledger.sqlite"), currency })),
)

/** The same ledger in memory, gone with the layer. It runs on the event loop: for tests. */
export const layerMemory = Layer.effect(
  Ledger,
  Effect.gen(function* () {
    const book = yield* Effect.acquireRelease(
      Effect.sync(() => openBook({ path: ":memory:", currency: "usd" })),
      (opened) => Effect.sync(() => opened.close()),
    )
    return Ledger.of({
      run: (name, input) => Effect.suspend(() => exitOf(book.apply([{ name, input }])[0]!)) as never,
      check: Effect.void,
      commits: Effect.sync(() => book.commits()),
    })
  }),
)
