import { Console, Effect, Layer, Schema } from "effect"
import { Command } from "effect/cli"
import { join } from "node:path"
import { copyLedger } from "../billing/postgres/LedgerCopy.ts"
import { Database } from "../database/Database.ts"
import { Settings } from "../Settings.ts"
import { table } from "./Table.ts"

/** What is to be copied, or where to, was not said; `message` says what to do. */
class CopyError extends Schema.TaggedError<CopyError>()("CopyError", { message: Schema.String }) {}

const copy = Command.make("copy", {}, () =>
  Effect.gen(function* () {
    const { currency, dataDir, databaseUrl } = yield* Settings
    if (databaseUrl === undefined) {
      return yield* new CopyError({ message: "Say where to: set AVIARY_DATABASE_URL to an empty database." })
    }
    const path = join(dataDir, "ledger.sqlite")
    const copied = yield* copyLedger(path, currency).pipe(Effect.provide(Layer.fresh(Database.layerAt(databaseUrl))))
    yield* Console.log(table(["table", "rows"], Object.entries(copied)))
    yield* Console.log("Copied, and every sum is the same. Start the gateways with AVIARY_DATABASE_URL.")
  }).pipe(Effect.scoped, Effect.provide(Settings.layer)),
).pipe(
  Command.withDescription(
    "Copy the ledger of AVIARY_DATA_DIR into the empty database of AVIARY_DATABASE_URL, all of it or nothing. Its gateway must be stopped",
  ),
)

export const ledger = Command.make("ledger").pipe(
  Command.withDescription("Move a ledger to where several gateways share it"),
  Command.withSubcommands([copy]),
)
