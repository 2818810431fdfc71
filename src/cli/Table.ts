import { stripVTControlCharacters } from "node:util"

/** Names come from elsewhere: one must not move a terminal's cursor, nor a row into the next line. */
// oxlint-disable-next-line no-control-regex
const plain = (text: string): string => stripVTControlCharacters(text).replace(/[\u0000-\u001f\u007f-\u009f]/g, " ")

type Cell = string | number | null | undefined

/** Rows under their headings, in columns; numbers to the right. An empty table is one line that says so. */
export const table = (headings: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<Cell>>): string => {
  if (rows.length === 0) return "None."
  const cells = [headings, ...rows].map((row) => row.map((cell) => plain(String(cell ?? "-"))))
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const right = headings.map((_, column) => rows.every((row) => typeof row[column] === "number"))
  return cells
    .map((row) =>
      row
        .map((cell, column) => (right[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n")
}

/** One thing, a line for each of its members. */
export const record = (members: Readonly<Record<string, Cell>>): string => {
  const width = Math.max(...Object.keys(members).map((name) => name.length))
  return Object.entries(members)
    .map(([name, value]) => `${name.padEnd(width)}  ${plain(String(value ?? "-"))}`)
    .join("\n")
}

/** Unix milliseconds for a person, in UTC. */
export const time = (millis: number | null | undefined): string =>
  millis === null || millis === undefined ? "-" : `${new Date(millis).toISOString().slice(0, 19).replace("T", " ")}Z`
