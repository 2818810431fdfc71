import { Effect, Option, Stream } from "effect"
import type { LedgerEntry } from "../../billing/LedgerEntry.ts"

/** A cell that a spreadsheet shows and does not compute: names and reasons are other people's. */
const cell = (value: string | number | null): string => {
  const text = String(value ?? "")
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

const columns = [
  "id",
  "time",
  "kind",
  "amount",
  "balance",
  "currency",
  "usage",
  "quantity",
  "model",
  "served",
  "key",
  "prices",
  "reason",
] as const

const row = (entry: LedgerEntry, currency: string) => [
  entry.id,
  new Date(entry.at).toISOString(),
  entry.kind,
  entry.amount / 1_000_000,
  entry.balance / 1_000_000,
  currency,
  entry.usage,
  entry.quantity,
  entry.model,
  entry.served,
  entry.keyId,
  entry.rateVersion,
  entry.reason,
]

/** Entries as a table by RFC 4180, with a line of names. */
export const statementCsv = (entries: ReadonlyArray<LedgerEntry>, currency: string): string =>
  [columns, ...entries.map((entry) => row(entry, currency))].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("")

/** All entries that `page` answers, page by page: `before` is the last id of the one before. */
export const statementPages = <E>(
  page: (before: number | null) => Effect.Effect<ReadonlyArray<LedgerEntry>, E>,
  size: number,
): Stream.Stream<LedgerEntry, E> =>
  Stream.paginate(null as number | null, (before) =>
    Effect.map(page(before), (found) => {
      const last = found.at(-1)?.id
      return [found, found.length < size || last === undefined ? Option.none() : Option.some(last)] as const
    }),
  )
