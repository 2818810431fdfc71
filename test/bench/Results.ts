import type { Medians } from "./Turns.ts"

/**
 * A value that has to stay below a limit.
 *
 * @property today what it was before the hot path was made short, as text
 * @property value absent: this run did not measure it, and `why` says why not
 */
export interface Target {
  readonly name: string
  readonly today: string
  readonly unit: string
  readonly atMost: number
  readonly aim: number
  readonly value?: number | undefined
  readonly why?: string
}

/**
 * Programs that did the same, the gateway first.
 *
 * @property calm under a load as people make it
 * @property full as fast as each could
 */
export interface Comparison {
  readonly name: string
  readonly calm: ReadonlyArray<Medians>
  readonly full?: ReadonlyArray<Medians>
}

/** How many times as much the gateway computes for a request as the first program beside it. */
export const timesBare = ([gateway, bare]: ReadonlyArray<Medians>): number => gateway!.cpuMicros / bare!.cpuMicros

/** What a case found: programs side by side, single values, and what has to stay below a limit. */
export interface Found {
  readonly compared?: ReadonlyArray<Comparison>
  readonly values?: ReadonlyArray<{ readonly name: string; readonly value: string }>
  readonly targets?: ReadonlyArray<Target>
}

export type Verdict = "aim reached" | "reached" | "NOT REACHED" | "not measured"

export const verdict = ({ aim, atMost, value }: Target): Verdict =>
  value === undefined ? "not measured" : value <= aim ? "aim reached" : value <= atMost ? "reached" : "NOT REACHED"

/** Three digits. */
const short = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** Columns as wide as their widest cell; the first to the left, the others to the right. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

const comparedTable = (found: ReadonlyArray<Found>) => {
  const times = (all: ReadonlyArray<Medians> | undefined, index: number) =>
    all === undefined || index === 0 ? "" : `${short(all[0]!.cpuMicros / all[index]!.cpuMicros)} ×`
  const rows = found.flatMap(({ compared = [] }) =>
    compared.flatMap(({ calm, full, name }) =>
      calm.map((one, index) => [
        ...[index === 0 ? name : "", one.program, short(one.cpuMicros), times(calm, index), short(one.p50)],
        full === undefined ? "" : short(full[index]!.cpuMicros),
        times(full, index),
        full === undefined ? "" : short(full[index]!.perSecond),
      ]),
    ),
  )
  const head = ["case", "program", "CPU µs", "gateway is", "p50 ms", "full: CPU µs", "gateway is", "requests/s"]
  return rows.length === 0 ? [] : [table([head, ...rows])]
}

const valuesTable = (found: ReadonlyArray<Found>) => {
  const rows = found.flatMap(({ values = [] }) => values.map(({ name, value }) => [name, value]))
  return rows.length === 0 ? [] : [table([["measured", "value"], ...rows])]
}

const targetsTable = (found: ReadonlyArray<Found>) => {
  const rows = found.flatMap(({ targets = [] }) =>
    targets.map((target) => [
      target.name,
      target.today,
      target.value === undefined ? (target.why ?? "–") : `${short(target.value)} ${target.unit}`,
      `${target.atMost} ${target.unit}`,
      `${target.aim} ${target.unit}`,
      verdict(target),
    ]),
  )
  return rows.length === 0 ? [] : [table([["case", "before", "now", "at most", "aim", "verdict"], ...rows])]
}

/** Everything, as it is printed. */
export const written = (found: ReadonlyArray<Found>): string =>
  [...comparedTable(found), ...valuesTable(found), ...targetsTable(found)].join("\n\n")
