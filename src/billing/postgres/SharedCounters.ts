import { Effect, Layer } from "effect"
import { Database } from "../../database/Database.ts"
import { elapsedMillis } from "../../telemetry/Elapsed.ts"
import { BillingError } from "../BillingError.ts"
import { type Bucket, Counters } from "../Counters.ts"
import { reasonOf } from "./PostgresDialect.ts"

/** A gateway takes this part of a limit at a time: so much may lie unused with each, and is refused elsewhere meanwhile. */
const part = 20

/** Milliseconds after which what lies unused is given back. */
const idleMillis = 5_000

/** What was leased of a limit. */
interface Lease extends Bucket {
  readonly name: string
  tokens: number
  usedAt: number
  /** What is left for everybody, and until when nothing more is leased; as it was at `at`. */
  known: { readonly at: number; readonly left: number; readonly waitMillis: number }
}

const makeLease = (name: string, size: number): Lease => {
  const perToken = 60_000 / size
  const lease: Lease = {
    name,
    size,
    tokens: 0,
    usedAt: 0,
    known: { at: 0, left: size, waitMillis: 0 },
    left: () => lease.tokens,
    remaining: (now) => Math.min(size, lease.tokens + Math.floor(lease.known.left + (now - lease.known.at) / perToken)),
    untilThere: (tokens, now) => {
      if (tokens >= size) return Math.max(0, (size - lease.remaining!(now)) * perToken)
      return Math.max(0, Math.ceil(lease.known.waitMillis - (now - lease.known.at)))
    },
    take: (tokens, now) => {
      lease.tokens -= tokens
      lease.usedAt = now
    },
  }
  return lease
}

/** Counts by leases of parts of each limit, so that not every request asks the database. All gateways together never pass a limit. */
export const layer = Layer.effect(
  Counters,
  Effect.gen(function* () {
    const database = yield* Database
    const leases = new Map<string, Lease>()

    /** Takes at least `wanted`, at most `most`; below zero gives back. */
    const ask = (lease: Lease, wanted: number, most: number) =>
      database.query("SELECT * FROM lease_limit($1, $2, $3, $4)", lease.name, lease.size, wanted, most).pipe(
        Effect.tap(([row]) =>
          Effect.map(elapsedMillis, (at) => {
            lease.tokens += Math.max(0, row!["granted"] as number)
            lease.known = { at, left: row!["remaining"] as number, waitMillis: row!["wait_millis"] as number }
          }),
        ),
        Effect.mapError((error) => new BillingError({ reason: reasonOf(error) })),
      )

    const giveBack = Effect.suspend(() =>
      Effect.flatMap(elapsedMillis, (now) =>
        Effect.forEach(
          [...leases.values()].filter(({ tokens, usedAt }) => tokens > 0 && now - usedAt > idleMillis),
          (lease) => {
            const unused = lease.tokens
            lease.tokens = 0
            return Effect.ignore(ask(lease, -unused, -unused))
          },
          { discard: true },
        ),
      ),
    )
    yield* giveBack.pipe(Effect.delay(idleMillis), Effect.forever, Effect.forkScoped)

    return () => ({
      bucket: (name, size) => {
        const known = leases.get(name)
        const lease = known?.size === size ? known : makeLease(name, size)
        leases.set(name, lease)
        return lease
      },
      fill: (bucket, tokens) => {
        const lease = bucket as Lease
        if (lease.tokens >= tokens || tokens > lease.size) return Effect.void
        const wanted = tokens - lease.tokens
        return Effect.asVoid(ask(lease, wanted, Math.max(wanted, Math.floor(lease.size / part))))
      },
    })
  }),
)
