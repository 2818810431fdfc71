/** A cell that a spreadsheet shows and does not compute: names are other people's. */
const cell = (value: string | number | null | undefined): string => {
  const text = value === null || value === undefined ? "" : String(value)
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** Rows as RFC 4180 has them. */
export const csvOf = (rows: ReadonlyArray<ReadonlyArray<string | number | null | undefined>>): string =>
  rows.map((cells) => `${cells.map(cell).join(",")}\r\n`).join("")
