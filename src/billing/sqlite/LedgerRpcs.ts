import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import { BillingReason } from "../BillingError.ts"
import type { OperationName } from "../Operations.ts"
import type { BookOptions } from "./SqliteBook.ts"

// Questions and answers are plain data of our own making (`Operations`), so they cross unchecked; reasons are classes and must be remade.
const Asked = Schema.Struct({ name: Schema.String as Schema.Codec<OperationName, string>, input: Schema.Unknown })
const Answered = Schema.Union([Schema.Struct({ refused: BillingReason }), Schema.Struct({ answer: Schema.Unknown })])

/**
 * What a ledger's thread does. Both open the ledger if it is not open. That it cannot be opened is an answer, not a failure: a call that
 * fails puts its thread under suspicion.
 */
export const LedgerRpcs = RpcGroup.make(
  Rpc.make("Open", { success: Schema.NullOr(BillingReason) }),
  Rpc.make("Apply", {
    payload: { asked: Schema.Array(Asked) },
    success: Schema.Struct({ answered: Schema.Array(Answered), commits: Schema.Int }),
  }),
)

/** `workerData` of a ledger's thread. */
export type LedgerWorkerData = BookOptions
