import { Durations } from "./Durations.ts"
import { type History, type HistoryColumn, historyColumns } from "./TrafficReport.ts"

/** What counts of a request that is over. */
export interface Ended {
  readonly kind: "speech" | "transcription" | "other"
  readonly outcome: "answered" | "refused" | "failed"
  readonly cache: string | undefined
  readonly firstMillis: number
  readonly millis: number
}

/** What is measured of the process now and then. */
export interface Vitals {
  readonly underWay: number
  readonly loopDelay: number
  readonly loopBusy: number
  readonly resident: number
  readonly heap: number
}

const cacheColumns: Readonly<Record<string, HistoryColumn>> = {
  HIT: "hits",
  COALESCED: "coalesced",
  MISS: "misses",
  BYPASS: "bypassed",
}

/** Those of which a stretch keeps the greatest; of all other vitals it keeps the last. */
const greatest: ReadonlySet<HistoryColumn> = new Set<HistoryColumn>(["underWay", "loopDelay"])

const columnIndex = new Map(historyColumns.map((name, index) => [name, index]))
const at = (name: HistoryColumn) => columnIndex.get(name)!

/**
 * The last `length` stretches of `widthMillis` each, in a memory that is taken once: one number for each column and stretch.
 * Stretches begin at multiples of their width, so that those of all gateways lie on one another.
 */
export class TrafficHistory {
  private readonly cells: Float64Array
  private readonly firstAudio = new Durations()
  private readonly duration = new Durations()
  private readonly widthMillis: number
  private readonly length: number
  private readonly since: number
  private current: number

  constructor(widthMillis: number, length: number, now: number) {
    this.widthMillis = widthMillis
    this.length = length
    this.cells = new Float64Array(length * historyColumns.length).fill(Number.NaN)
    this.current = this.since = Math.floor(now / widthMillis)
    this.clear(this.current)
  }

  ended(now: number, { cache, firstMillis, kind, millis, outcome }: Ended): void {
    this.goTo(now)
    this.count("requests")
    if (outcome === "failed") this.count("failures")
    if (outcome === "refused") this.count("refusals")
    if (kind === "other") return
    this.count(kind === "speech" ? "speeches" : "transcriptions")
    if (outcome === "answered") this.duration.add(millis)
    const column = cacheColumns[cache ?? ""]
    if (kind !== "speech" || column === undefined) return
    this.count(column)
    this.firstAudio.add(firstMillis)
  }

  measured(now: number, vitals: Vitals): void {
    this.goTo(now)
    for (const name of ["underWay", "loopDelay", "loopBusy", "resident", "heap"] as const) {
      const before = this.cells[this.cell(this.current, name)]!
      const keeps = greatest.has(name) && before > vitals[name]
      this.set(name, keeps ? before : vitals[name])
    }
  }

  /** Stretches that begin at `from` (Unix milliseconds) or later. The last one is still going on. */
  report(now: number, from = 0): History {
    this.goTo(now)
    this.close()
    const first = Math.max(Math.ceil(from / this.widthMillis), this.since, this.current - this.length + 1)
    const stretches = Array.from({ length: Math.max(0, this.current - first + 1) }, (_, index) => first + index)
    const valuesOf = (name: HistoryColumn) =>
      stretches.map((stretch) => {
        const value = this.cells[this.cell(stretch, name)]!
        return Number.isNaN(value) ? null : Math.round(value * 1_000) / 1_000
      })
    return {
      widthMillis: this.widthMillis,
      starts: stretches.map((stretch) => stretch * this.widthMillis),
      columns: Object.fromEntries(
        historyColumns.map((name) => [name, valuesOf(name)]),
      ) as unknown as History["columns"],
    }
  }

  /** Bytes that it takes, whatever happens. */
  get byteLength(): number {
    return this.cells.byteLength + this.firstAudio.byteLength + this.duration.byteLength
  }

  /** A clock that was set back goes on in the stretch it was in. */
  private goTo(now: number): void {
    const stretch = Math.floor(now / this.widthMillis)
    if (stretch <= this.current) return
    this.close()
    this.firstAudio.clear()
    this.duration.clear()
    for (let next = Math.max(this.current + 1, stretch - this.length + 1); next <= stretch; next++) this.clear(next)
    this.current = stretch
  }

  private close(): void {
    this.set("firstAudioP50", this.firstAudio.percentile(0.5))
    this.set("firstAudioP95", this.firstAudio.percentile(0.95))
    this.set("durationP50", this.duration.percentile(0.5))
    this.set("durationP95", this.duration.percentile(0.95))
  }

  private clear(stretch: number): void {
    const start = (stretch % this.length) * historyColumns.length
    this.cells.fill(Number.NaN, start, start + historyColumns.length)
    this.cells.fill(0, start, start + at("firstAudioP50"))
  }

  private cell(stretch: number, name: HistoryColumn): number {
    return (stretch % this.length) * historyColumns.length + at(name)
  }

  private count(name: HistoryColumn): void {
    this.cells[this.cell(this.current, name)]! += 1
  }

  private set(name: HistoryColumn, value: number): void {
    this.cells[this.cell(this.current, name)] = value
  }
}
