import { CliOutput } from "effect/cli"
import { stripVTControlCharacters } from "node:util"

/** Names come from elsewhere: one must not move a terminal's cursor, nor a row into the next line. */
// oxlint-disable-next-line no-control-regex
const plain = (text: string): string => stripVTControlCharacters(text).replace(/[\u0000-\u001f\u007f-\u009f]/g, " ")

type Cell = string | number | null | undefined

/** A count, an amount of money or a share. */
const isNumber = (cell: Cell): boolean =>
  typeof cell === "number" || /^-?\d+\.\d{2,6}$|^\d+(\.\d+)? %$/.test(cell ?? "")

const pad = (cell: string, width: number, right: boolean): string => {
  const space = " ".repeat(width - CliOutput.displayWidth(cell))
  return right ? space + cell : cell + space
}

/** `text` within so many cells of a terminal: a table is for people, and `--json` has the whole. */
export const within = (width: number, text: string | null): string | null => {
  if (text === null || CliOutput.displayWidth(text) <= width) return text
  let cut = ""
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (CliOutput.displayWidth(cut + segment) >= width) break
    cut += segment
  }
  return `${cut}…`
}

/** Rows under their headings, in columns; numbers to the right. An empty table is one line that says so. */
export const table = (headings: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<Cell>>): string => {
  if (rows.length === 0) return "None."
  const cells = [headings, ...rows].map((row) => row.map((cell) => plain(String(cell ?? "-"))))
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => CliOutput.displayWidth(row[column] ?? ""))))
  const right = headings.map((_, column) => rows.every((row) => isNumber(row[column])))
  return cells
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column]!, right[column]!))
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
