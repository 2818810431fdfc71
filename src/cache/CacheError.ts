import { Effect, type PlatformError, Schema } from "effect"

/**
 * The disk did not do what it was asked. `operation` is the file-system call, `code` the system's word for the failure
 * (`ENOSPC`, `EROFS`, …) or `TIMEOUT` when there was no answer in time.
 */
export class DiskTrouble extends Schema.TaggedError<DiskTrouble>()("DiskTrouble", {
  operation: Schema.String,
  code: Schema.String,
  message: Schema.String,
}) {}

/** An entry larger than the whole cache may be. Both in bytes. */
export class EntryTooLarge extends Schema.TaggedError<EntryTooLarge>()("EntryTooLarge", {
  bytes: Schema.Int,
  limit: Schema.Int,
}) {}

/** What is left of the disk is kept for others. */
export class DiskReserved extends Schema.TaggedError<DiskReserved>()("DiskReserved", { message: Schema.String }) {}

/** What was read is not what was committed: cut short, altered, or another entry's. */
class EntryBroken extends Schema.TaggedError<EntryBroken>()("EntryBroken", { message: Schema.String }) {}

/** The disk takes no more and neither does memory; `limit` in bytes. */
export class FlightOverflow extends Schema.TaggedError<FlightOverflow>()("FlightOverflow", { limit: Schema.Int }) {}

/** The flight was stopped from outside: the gateway shuts down. */
export class FlightStopped extends Schema.TaggedError<FlightStopped>()("FlightStopped", {}) {}

/** Why the cache or a flight could not do its part. */
export class CacheError extends Schema.TaggedError<CacheError>()("CacheError", {
  reason: Schema.Union([DiskTrouble, DiskReserved, EntryTooLarge, EntryBroken, FlightOverflow, FlightStopped]),
}) {
  /** One word for logs and metrics: the disk's code, or the reason's name. */
  get kind(): string {
    return this.reason._tag === "DiskTrouble" ? this.reason.code : this.reason._tag
  }

  /** The call to the disk that failed, if it was one. */
  get operation(): string | undefined {
    return this.reason._tag === "DiskTrouble" ? this.reason.operation : undefined
  }

  /** One line for a log. */
  get detail(): string {
    return this.reason.message === "" ? this.reason._tag : this.reason.message
  }

  /** The disk, or this user's share of it, is full. */
  get isFull(): boolean {
    return this.kind === "ENOSPC" || this.kind === "EDQUOT"
  }

  static readonly fromPlatform = (error: PlatformError.PlatformError): CacheError => {
    const cause = error.reason.cause as { readonly code?: unknown } | undefined
    return new CacheError({
      reason: new DiskTrouble({
        operation: error.reason.method,
        code: typeof cause?.code === "string" ? cause.code : error.reason._tag,
        message: error.message,
      }),
    })
  }

  /** What a call of Node's own failed with, or what is one already. */
  static readonly fromNode = (error: unknown): CacheError => {
    if (error instanceof CacheError) return error
    const { code, message, syscall } = error as NodeJS.ErrnoException
    return new CacheError({
      reason: new DiskTrouble({ operation: syscall ?? "write", code: code ?? "Unknown", message }),
    })
  }

  static readonly timedOut = (operation: string, millis: number): CacheError =>
    new CacheError({
      reason: new DiskTrouble({ operation, code: "TIMEOUT", message: `${operation} gave no answer for ${millis} ms` }),
    })

  static readonly broken = (message: string): CacheError => new CacheError({ reason: new EntryBroken({ message }) })
}

/** `orElse` where the failure says no more than that the file or folder is not there. */
export const whenGone =
  <B, R2>(orElse: () => Effect.Effect<B, CacheError, R2>) =>
  <A, R>(effect: Effect.Effect<A, CacheError, R>): Effect.Effect<A | B, CacheError, R | R2> =>
    Effect.catch(effect, (error): Effect.Effect<B, CacheError, R2> =>
      error.kind === "ENOENT" ? orElse() : Effect.fail(error),
    )
