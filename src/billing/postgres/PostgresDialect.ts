import { SqlError } from "effect/sql/SqlError"
import { saidBy } from "../../database/DatabaseError.ts"
import { type BillingReason, LedgerUnavailable } from "../BillingError.ts"
import type { Dialect } from "../book/Dialect.ts"
import { Refusal } from "../book/Refusal.ts"

/** By SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html): what is in the way of everything that is asked. */
const kinds: ReadonlyArray<readonly [code: RegExp, kind: LedgerUnavailable["kind"]]> = [
  [/^(55P03|57014|40001|40P01)$/, "locked"],
  [/^53/, "full"],
  [/^(XX00[12])$/, "corrupt"],
]

/** What PostgreSQL threw, as a reason. */
export const reasonOf = (error: unknown): BillingReason => {
  if (error instanceof Refusal) return error.reason
  if (!(error instanceof SqlError)) return new LedgerUnavailable({ kind: "failed", message: String(error) })
  const { code, message } = saidBy(error)
  const kind = kinds.find(([codes]) => code !== undefined && codes.test(code))?.[1]
  return new LedgerUnavailable({ kind: kind ?? "failed", message })
}

export const postgresDialect: Dialect = {
  members: (json) => `SELECT json_array_elements_text(CAST(${json} AS json))`,
}
