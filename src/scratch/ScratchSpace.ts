import { Effect, Schema, type Scope } from "effect"

/**
 * Unfinished uploads have all the room there is.
 *
 * @property whose the account's own share, or what all have together
 * @property limit uploads, or bytes
 */
export class SpaceTaken extends Schema.TaggedError<SpaceTaken>()("SpaceTaken", {
  whose: Schema.Literals(["account", "all"]),
  of: Schema.Literals(["uploads", "bytes"]),
  limit: Schema.Finite,
}) {}

/** Why there is no place for a file. */
export class ScratchError extends Schema.TaggedError<ScratchError>()("ScratchError", { reason: SpaceTaken }) {}

/** How many uploads, and how many bytes of disk for them and what is made of them. */
export interface Share {
  readonly uploads: number
  readonly bytes: number
}

/** A share that somebody has. `resize`: it is so many bytes now. */
export interface Taken {
  readonly resize: (bytes: number) => void
}

/**
 * The room that unfinished uploads share, so that no account's leave none for the others. An `account` that is undefined has
 * no limits of its own.
 *
 * - `take`: a share for as long as the scope
 * - `left`: how many bytes the account could take, and why no more
 */
export interface ScratchSpace {
  readonly take: (account: string | undefined, share: Share) => Effect.Effect<Taken, ScratchError, Scope.Scope>
  readonly left: (account: string | undefined) => { readonly bytes: number; readonly refusal: ScratchError }
}

/** @param limits asked for each time: they may change */
export const makeScratchSpace = (limits: { readonly all: Share; readonly account: Share }): ScratchSpace => {
  const taken = { uploads: 0, bytes: 0 }
  const accounts = new Map<string, { uploads: number; bytes: number }>()

  const spaceTaken = (whose: SpaceTaken["whose"], of: SpaceTaken["of"]) =>
    new ScratchError({ reason: new SpaceTaken({ whose, of, limit: limits[whose][of] }) })

  const add = (account: string | undefined, { bytes, uploads }: Share) => {
    taken.uploads += uploads
    taken.bytes += bytes
    if (account === undefined) return
    const own = accounts.get(account) ?? { uploads: 0, bytes: 0 }
    own.uploads += uploads
    own.bytes += bytes
    if (own.uploads === 0 && own.bytes === 0) accounts.delete(account)
    else accounts.set(account, own)
  }

  const refusal = (account: string | undefined, share: Share): ScratchError | undefined => {
    const own = account === undefined ? undefined : (accounts.get(account) ?? { uploads: 0, bytes: 0 })
    for (const kind of ["uploads", "bytes"] as const) {
      if (own !== undefined && own[kind] + share[kind] > limits.account[kind]) {
        return spaceTaken("account", kind)
      }
      if (taken[kind] + share[kind] > limits.all[kind]) return spaceTaken("all", kind)
    }
    return undefined
  }

  return {
    take: (account, share) =>
      Effect.acquireRelease(
        Effect.suspend(() => {
          const refused = refusal(account, share)
          if (refused !== undefined) return Effect.fail(refused)
          add(account, share)
          return Effect.succeed({ ...share })
        }),
        (now) => Effect.sync(() => add(account, { uploads: -now.uploads, bytes: -now.bytes })),
      ).pipe(
        Effect.map((now) => ({
          resize: (bytes) => {
            add(account, { uploads: 0, bytes: bytes - now.bytes })
            now.bytes = bytes
          },
        })),
      ),
    left: (account) => {
      const ofAll = limits.all.bytes - taken.bytes
      const own = account === undefined ? Infinity : limits.account.bytes - (accounts.get(account)?.bytes ?? 0)
      const [bytes, whose] = own < ofAll ? [own, "account" as const] : [ofAll, "all" as const]
      return { bytes: Math.max(0, bytes), refusal: spaceTaken(whose, "bytes") }
    },
  }
}
