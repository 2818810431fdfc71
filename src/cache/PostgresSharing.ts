import { Clock, Effect, Layer, Schedule, Stream } from "effect"
import { cannotBeUsed, Database } from "../database/Database.ts"
import { Settings } from "../Settings.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import { follow, isSigned, type PeerLost, signed } from "../upstream/PeerFlight.ts"
import type { PeerFrame } from "../upstream/PeerFrames.ts"
import { CacheError } from "./CacheError.ts"
import type { CacheKey } from "./CacheKey.ts"
import { type Made, type SharedTake, Sharing } from "./Sharing.ts"

/**
 * Milliseconds: how long a claim holds without a word, how often the owner gives one, how long others are sent to it after it is done, how
 * often a gateway says that it is there, and how long it counts as there.
 */
const times = { lease: 6_000, renewal: 2_000, after: 60_000, beat: 2_000, there: 10_000 }

/** How often another owner is looked for, where one was lost before its first byte, before a gateway makes it without asking anybody. */
const mostOwners = 3

/** Who else is there, and where this gateway is reached. */
const makePeers = Effect.gen(function* () {
  const database = yield* Database
  const scope = yield* Effect.scope
  const { peerUrl } = yield* Settings
  let own: string | undefined
  let others = 0
  let said = 0

  const beat = (url: string) =>
    Effect.gen(function* () {
      const rows = yield* database.query(
        `WITH mine AS (
           INSERT INTO gateways VALUES ($1, $2, now_millis()) ON CONFLICT (id) DO UPDATE SET url = $2, seen_at = now_millis()
         ), old AS (DELETE FROM gateways WHERE seen_at < now_millis() - 3600000), gone AS (DELETE FROM flights WHERE lease_until < now_millis() - 60000)
         SELECT count(*) AS others FROM gateways WHERE id <> $1 AND seen_at >= now_millis() - $3`,
        ...[database.gateway, url, times.there],
      )
      others = rows[0]!["others"] as number
      said = yield* elapsedMillis
    }).pipe(Effect.ignore, Effect.repeat(Schedule.spaced(times.beat)))

  return {
    own: () => own,
    /** Whether there are others, as far as is known. */
    any: Effect.map(elapsedMillis, (now) => own !== undefined && others > 0 && now - said < times.there),
    listening: (url: string) =>
      Effect.suspend(() => {
        own = peerUrl?.href ?? url
        return Effect.asVoid(Effect.forkIn(beat(own), scope))
      }),
  }
})

/** Who makes which speech. */
const makeClaims = Effect.fnUntraced(function* (peers: Effect.Success<typeof makePeers>) {
  const database = yield* Database
  const scope = yield* Effect.scope

  /** Undefined where this gateway makes it; otherwise who does. */
  const claim = (key: string, notFrom: string | undefined) =>
    database
      .query(
        "SELECT * FROM claim_flight($1, $2, $3, $4, $5)",
        key,
        database.gateway,
        peers.own()!,
        times.lease,
        notFrom ?? null,
      )
      .pipe(
        Effect.map(([found]) => {
          const [gateway, url] = [found!["owner"] as string | null, found!["owner_url"] as string]
          return gateway === null || gateway === database.gateway ? undefined : { gateway, url }
        }),
        // Without the database each gateway makes its own.
        Effect.orElseSucceed(() => undefined),
      )

  const renewed = (key: string, lease: number) =>
    Effect.ignore(
      database.query(
        "UPDATE flights SET lease_until = now_millis() + $3 WHERE key = $1 AND gateway = $2",
        key,
        database.gateway,
        lease,
      ),
    )
  const gone = (key: string) =>
    Effect.ignore(database.query("DELETE FROM flights WHERE key = $1 AND gateway = $2", key, database.gateway))

  /** Keeps the claim while `own` is made, and others' way to it for a while after. */
  const owned = <E>(key: string, own: Stream.Stream<Uint8Array, E>) =>
    Stream.unwrap(
      Effect.map(Effect.forkScoped(Effect.forever(Effect.delay(renewed(key, times.lease), times.renewal))), () =>
        Stream.onExit(own, (exit) =>
          Effect.asVoid(Effect.forkIn(exit._tag === "Success" ? renewed(key, times.after) : gone(key), scope)),
        ),
      ),
    )

  return { claim, owned }
})

const make = Effect.gen(function* () {
  const database = yield* Database
  const peers = yield* makePeers
  const { claim, owned } = yield* makeClaims(peers)
  const [row] = yield* Effect.mapError(database.query("SELECT value FROM secrets WHERE name = 'peers'"), (error) =>
    cannotBeUsed(database, error),
  )
  const secret = row!["value"] as string

  const take = <E>(key: CacheKey, own: Stream.Stream<Uint8Array, E>): SharedTake<E> => {
    let [isFollowed, total] = [false, 0]
    let made: Made | undefined

    const bytesOf = (frame: PeerFrame): ReadonlyArray<Uint8Array> => {
      if (frame._tag === "total") total = frame.total
      if (frame._tag === "end") made = frame
      if (frame._tag !== "bytes") return []
      isFollowed = true
      return [frame.bytes]
    }

    const produce = (notFrom: string | undefined, attempt: number): Stream.Stream<Uint8Array, E | CacheError> =>
      Stream.unwrap(
        Effect.gen(function* () {
          if (attempt >= mostOwners || !(yield* peers.any)) return own
          const owner = yield* claim(key, notFrom)
          if (owner === undefined) return owned(key, own)
          const authorization = signed(secret, key, yield* Clock.currentTimeMillis)
          return follow(owner.url, key, authorization).pipe(
            Stream.map(bytesOf),
            Stream.flattenIterable,
            Stream.catch((lost: PeerLost) =>
              isFollowed
                ? Stream.fail(CacheError.broken(`the gateway that made the speech was lost: ${lost.message}`))
                : produce(owner.gateway, attempt + 1),
            ),
          )
        }),
      )

    return { bytes: produce(undefined, 0), followed: () => isFollowed, total: () => total, made: () => made }
  }

  return {
    take,
    listening: peers.listening,
    admits: (key: string, signature: string | undefined) =>
      Effect.map(Clock.currentTimeMillis, (now) => isSigned(secret, key, signature, now)),
  }
})

/** Claims in the database, and flights of others over HTTP. */
export const layer = Layer.effect(Sharing, make)
