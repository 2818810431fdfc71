import { Clock, Context, Effect, Layer } from "effect"
import { performance } from "node:perf_hooks"
import { Settings } from "../Settings.ts"
import { elapsedMillis } from "./Elapsed.ts"
import { type Ended, TrafficHistory } from "./TrafficHistory.ts"
import type { History, RequestReport, RequestUnderWay } from "./TrafficReport.ts"
import { ForgetfulSet } from "../collections/Forgetful.ts"

/** How many ended requests are kept. */
const recentRequests = 200

/** More under way than sockets can be open; beyond it the oldest are not listed. */
const mostUnderWay = 10_000

/** How often the process is looked at, in milliseconds. */
const lookMillis = 1_000

/** What is kept: the last hour by ten seconds, the last day by minutes. */
export const resolutions = {
  "10s": { widthMillis: 10_000, length: 360 },
  "1m": { widthMillis: 60_000, length: 1_440 },
} as const
export type Resolution = keyof typeof resolutions

/** What became known of a request while it was answered. */
type Notes = { readonly [K in "account" | "key" | "model" | "voice"]: string | undefined }

/** @property notes read when somebody looks */
export interface Begun extends Pick<RequestUnderWay, "id" | "method" | "route"> {
  readonly notes: () => Notes
}

/** A request that is over; `kind` and `outcome` for the sums, the rest as it is shown. */
export interface Over extends Omit<RequestReport, keyof RequestUnderWay | "number"> {
  readonly kind: Ended["kind"]
}

/**
 * Who is being answered, who was, and how it went: for an operator who looks. In a memory that does not grow with time or traffic.
 *
 * - `begin`: a request has come; gives what is to be called once its answer is over. Undefined where nothing is recorded.
 * - `recent`: the last requests that ended, oldest first, of those numbered above `after`.
 * - `history`: stretches of the past from `from` on, in Unix milliseconds.
 * - `codes`: how often each error was answered since the start.
 */
interface Service {
  readonly begin: ((request: Begun) => (over: Over) => void) | undefined
  readonly underWay: () => ReadonlyArray<RequestUnderWay>
  readonly recent: (after?: number) => ReadonlyArray<RequestReport>
  readonly history: (resolution: Resolution, from?: number) => History
  readonly codes: () => ReadonlyArray<{ readonly code: string; readonly count: number }>
}

const outcomeOf = ({ ended, status }: Pick<Over, "ended" | "status">): Ended["outcome"] =>
  status >= 500 || ended === "aborted" ? "failed" : status >= 400 ? "refused" : "answered"

/** A request that has ended, as it is kept. */
interface Recent {
  readonly shown: () => RequestUnderWay
  readonly number: number
  readonly over: Omit<Over, "kind">
}

const reportOf = ({ number, over, shown }: Recent): RequestReport => ({
  ...shown(),
  number,
  ...over,
})

const known = (notes: Notes): { readonly [K in keyof Notes]?: string } =>
  Object.fromEntries(Object.entries(notes).filter(([, value]) => value !== undefined))

/** What one look at the process finds. Every tenth also asks the system, which has to count, for its memory. */
const makeLook = () => {
  let utilization = performance.eventLoopUtilization()
  let looks = 0
  let memory = process.memoryUsage()
  return () => {
    const since = performance.eventLoopUtilization(utilization)
    utilization = performance.eventLoopUtilization()
    if (looks++ % 10 === 0) memory = process.memoryUsage()
    return { loopBusy: since.utilization, resident: memory.rss, heap: memory.heapUsed }
  }
}

const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const { console } = yield* Settings
  const now = () => clock.currentTimeMillisUnsafe()
  const open = new ForgetfulSet<() => RequestUnderWay>()
  /** Put together when somebody looks. */
  const recent: Array<Recent> = []
  const codes = new Map<string, number>()
  const histories = {
    "10s": new TrafficHistory(resolutions["10s"].widthMillis, resolutions["10s"].length, now()),
    "1m": new TrafficHistory(resolutions["1m"].widthMillis, resolutions["1m"].length, now()),
  }
  let ended = 0

  const begin = ({ id, method, notes, route }: Begun) => {
    const at = now()
    const shown = () => ({ id, method, route, at, ...known(notes()) })
    const slot = open.add(shown)
    if (open.size > mostUnderWay) open.shift()
    return ({ kind, ...over }: Over) => {
      open.delete(slot)
      recent.push({ shown, number: ++ended, over })
      if (recent.length > recentRequests) recent.shift()
      if (over.code !== undefined) codes.set(over.code, (codes.get(over.code) ?? 0) + 1)
      const { cache, firstMillis, millis } = over
      const sum = { kind, outcome: outcomeOf(over), cache, firstMillis, millis }
      const at = now()
      histories["10s"].ended(at, sum)
      histories["1m"].ended(at, sum)
    }
  }

  const look = makeLook()
  const watch = Effect.gen(function* () {
    const before = yield* elapsedMillis
    yield* Effect.sleep(lookMillis)
    const loopDelay = Math.max(0, (yield* elapsedMillis) - before - lookMillis)
    const vitals = { ...look(), loopDelay, underWay: open.size }
    for (const history of Object.values(histories)) history.measured(now(), vitals)
  })
  if (console === "on") yield* Effect.forkScoped(Effect.forever(watch))

  return {
    begin: console === "on" ? begin : undefined,
    underWay: () => open.members().map((shown) => shown()),
    recent: (after = 0) => recent.filter(({ number }) => number > after).map(reportOf),
    history: (resolution, from) => histories[resolution].report(now(), from),
    codes: () => Array.from(codes, ([code, count]) => ({ code, count })),
  } satisfies Service
})

/** See `Service`. Records nothing with `AVIARY_CONSOLE=off`. */
export class Traffic extends Context.Service<Traffic, Service>()("aviary/telemetry/Traffic") {
  static readonly layer = Layer.effect(Traffic, make)
}
