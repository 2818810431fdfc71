import { useState } from "preact/hooks"
import { useAsked } from "./asking.ts"
import { call, query } from "./call.ts"
import { csvOf } from "./csv.ts"
import { save } from "./download.ts"
import { count, money } from "./format.ts"
import { html } from "./html.ts"
import { type BooksProps, named } from "./books.ts"
import { Notice, Table } from "./parts.ts"

interface Cost {
  readonly amount: { readonly value: number }
  readonly line_item: string | null
  readonly project_id: string | null
  readonly api_key_id: string | null
  readonly quantity: number | null
  readonly quantity_unit: string | null
}

interface Page {
  readonly data: ReadonlyArray<{ readonly start_time: number; readonly results: ReadonlyArray<Cost> }>
}

const daySeconds = 86_400

const groupings = [
  { value: "line_item", name: "model" },
  { value: "api_key_id", name: "key" },
  { value: "project_id", name: "account" },
] as const

const ask = (days: number, groupBy: string) => {
  const now = Math.floor(Date.now() / 1_000)
  const start = now - (now % daySeconds) - (days - 1) * daySeconds
  return call<Page>(
    `/v1/organization/costs${query({ start_time: start, limit: days })}${groupBy === "" ? "" : `&group_by=${groupBy}`}`,
  )
}

const day = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(0, 10)

/** What was used and what it cost, by UTC day. */
export const Usage = ({ books: { accounts, currency, keys } }: BooksProps) => {
  const [days, setDays] = useState(7)
  const [groupBy, setGroupBy] = useState("line_item")
  const { data, error } = useAsked(() => ask(days, groupBy), [days, groupBy])
  const what = (cost: Cost) =>
    groupBy === ""
      ? "all"
      : groupBy === "line_item"
        ? (cost.line_item ?? "–")
        : groupBy === "api_key_id"
          ? named(keys, cost.api_key_id)
          : named(accounts, cost.project_id)
  const rows = data?.data
    .toReversed()
    .flatMap(({ results, start_time }) => results.map((cost) => ({ start_time, cost })))
  const total = (rows ?? []).reduce((sum, { cost }) => sum + cost.amount.value, 0)
  const download = () =>
    save(
      "usage.csv",
      "text/csv",
      csvOf([
        ["day", "what", "quantity", "unit", currency],
        ...(rows ?? []).map(({ cost, start_time }) => [
          day(start_time),
          what(cost),
          cost.quantity,
          cost.quantity_unit,
          cost.amount.value,
        ]),
      ]),
    )
  return html`
    <section class="card">
      <div class="row">
        <label
          >Days
          <select
            value=${days}
            onChange=${(event: Event) => setDays(Number((event.target as HTMLSelectElement).value))}
          >
            ${[1, 7, 31, 90, 180].map((one) => html`<option>${one}</option>`)}
          </select>
        </label>
        <label
          >By
          <select value=${groupBy} onChange=${(event: Event) => setGroupBy((event.target as HTMLSelectElement).value)}>
            <option value="">day alone</option>
            ${groupings.map(({ name, value }) => html`<option value=${value}>day and ${name}</option>`)}
          </select>
        </label>
        <button type="button" onClick=${download}>CSV</button>
      </div>
      <${Notice} error=${error} />
      <${Table}
        caption=${`Charged in ${days} ${days === 1 ? "day" : "days"}: ${money(total * 1_000_000, currency)}`}
        head=${["Day (UTC)", "What", "Quantity", "Charged"]}
        empty="Nothing was used."
        rows=${rows?.map(({ cost, start_time }) => [
          day(start_time),
          what(cost),
          cost.quantity === null
            ? "–"
            : `${count(cost.quantity)} ${cost.quantity_unit === "characters" ? "characters" : "seconds"}`,
          money(cost.amount.value * 1_000_000, currency),
        ])}
      />
    </section>
  `
}
