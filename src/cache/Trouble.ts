import { Effect, Metric } from "effect"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import type { CacheError } from "./CacheError.ts"

/** The same trouble is written down again only after this long, in milliseconds. */
const silence = 600_000

/**
 * Says what is wrong with the disk: every failure in a metric, one log line for each kind of it. Requests never see any of this.
 *
 * - `report`: `during` is what the cache was doing
 * - `over`: it works again
 */
export interface Trouble {
  readonly report: (during: string, error: CacheError) => Effect.Effect<void>
  readonly over: (during: string) => Effect.Effect<void>
}

export const makeTrouble = (): Trouble => {
  const reported = new Map<string, { readonly during: string; readonly at: number }>()
  return {
    report: Effect.fnUntraced(function* (during, error) {
      const { kind } = error
      const labels = { operation: during.replaceAll(" ", "_"), reason: kind }
      yield* Metric.update(Metric.withAttributes(Metrics.cacheTrouble, labels), 1)
      const now = yield* elapsedMillis
      const id = `${during} ${kind}`
      const last = reported.get(id)
      if (last !== undefined && now - last.at < silence) return
      reported.set(id, { during, at: now })
      yield* Effect.logWarning(`The cache cannot ${during}; requests go on without it.`).pipe(
        Effect.annotateLogs({ kind, detail: error.detail }),
      )
    }),
    over: (during) =>
      Effect.suspend(() => {
        if (reported.size === 0) return Effect.void
        const ids = [...reported].filter(([, one]) => one.during === during).map(([id]) => id)
        if (ids.length === 0) return Effect.void
        for (const id of ids) reported.delete(id)
        return Effect.logInfo(`The cache can ${during} again.`)
      }),
  }
}
