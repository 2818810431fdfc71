import type { History } from "../../telemetry/TrafficReport.ts"

/** As many as `/admin/live` tells: an hour by ten seconds. */
const keptStretches = 360

/** `later` after `before`; a stretch that both have is the later's. */
export const joined = (before: History | undefined, later: History): History => {
  const first = later.starts[0]
  if (before === undefined || first === undefined) return before ?? later
  const kept = before.starts.filter((start) => start < first).length
  const from = Math.max(0, kept + later.starts.length - keptStretches)
  const join = <A>(a: ReadonlyArray<A>, b: ReadonlyArray<A>) => [...a.slice(from, kept), ...b]
  const names = Object.keys(later.columns) as ReadonlyArray<keyof History["columns"]>
  return {
    widthMillis: later.widthMillis,
    starts: join(before.starts, later.starts),
    columns: Object.fromEntries(
      names.map((name) => [name, join(before.columns[name], later.columns[name])]),
    ) as unknown as History["columns"],
  }
}
