import { Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"

/** The database does not take what is asked of it. `message` is for operators, and holds no password. */
export class DatabaseError extends Schema.TaggedError<DatabaseError>()("DatabaseError", { message: Schema.String }) {}

/**
 * What PostgreSQL or the way to it said: SQLSTATE, where it was PostgreSQL, and the words. Node's own codes may look like one (`EPIPE`), so
 * it is the severity, which PostgreSQL always says, that tells.
 */
export const saidBy = ({ reason }: SqlError): { readonly code: string | undefined; readonly message: string } => {
  const { code, message, severity } = (reason.cause ?? {}) as {
    readonly code?: unknown
    readonly message?: unknown
    readonly severity?: unknown
  }
  return {
    code: typeof code === "string" && severity !== undefined ? code : undefined,
    message: typeof message === "string" && message !== "" ? message : reason.message,
  }
}

/** Whether the connection is gone, or of no use any more, so that what was under way on it may or may not have been done. */
export const isBroken = (error: SqlError): boolean => {
  const { code } = saidBy(error)
  // 57P01 to 57P03: the server is going, gone or not there yet; 25P03 and 57P05: it ended a session that said nothing. 25006: it only reads, so it
  // is not, or no longer, the one that an address which moves with the primary leads to; 53300: it has no connection left.
  return code === undefined
    ? error.reason._tag === "ConnectionError"
    : /^(08|57P0[1-5]$|25P0[34]$|25006$|53300$)/.test(code)
}

/** Whether others had locked what was asked for, for longer than a statement waits. */
export const isLocked = (error: SqlError): boolean => saidBy(error).code === "55P03"

/** Whether the same may go well when it is asked again, since only others' work was in the way. */
export const isCollision = ({ reason }: SqlError): boolean =>
  reason._tag === "SerializationError" || reason._tag === "DeadlockError"
