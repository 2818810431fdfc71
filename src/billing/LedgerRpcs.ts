import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { BillingReason, LedgerUnavailable } from "./BillingError.ts"
import type { OperationName } from "./Operations.ts"
import type { BookOptions } from "./sqlite/Book.ts"

// Questions and answers are plain data of our own making (`Operations`), so they cross unchecked; reasons are classes and must be remade.
const Asked = Schema.Struct({ name: Schema.String as Schema.Codec<OperationName, string>, input: Schema.Unknown })
const Answered = Schema.Union([Schema.Struct({ refused: BillingReason }), Schema.Struct({ answer: Schema.Unknown })])

/** What a ledger's thread does. Both open the ledger if it is not open. */
export const LedgerRpcs = RpcGroup.make(
  Rpc.make("Open", { error: LedgerUnavailable }),
  Rpc.make("Apply", {
    payload: { asked: Schema.Array(Asked) },
    success: Schema.Struct({ answered: Schema.Array(Answered), commits: Schema.Int }),
    error: LedgerUnavailable,
  }),
)

/** `workerData` of a ledger's thread. */
export type LedgerWorkerData = BookOptions
