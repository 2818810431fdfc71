import { useState } from "preact/hooks"
import type { LedgerEntry } from "../../billing/LedgerEntry.ts"
import { useAsked } from "./asking.ts"
import { call, messageOf, query, request } from "./call.ts"
import { save } from "./download.ts"
import { count, exactMoney, moment } from "./format.ts"
import { html } from "./html.ts"
import { type Books, type BooksProps, choices, named } from "./books.ts"
import { Notice, Pill, Table } from "./parts.ts"

const pageSize = 100

interface Filters {
  readonly account: string
  readonly kind: string
  readonly key: string
  readonly from: string
  readonly until: string
}

const unix = (typed: string) => (typed === "" ? undefined : new Date(typed).getTime())

const path = (
  { account, from, key, kind, until }: Filters,
  format: "" | ".csv",
  more: { readonly before?: number | undefined; readonly limit?: number } = {},
) =>
  `/admin/accounts/${encodeURIComponent(account)}/statement${format}${query({ kind, key, from: unix(from), until: unix(until), ...more })}`

const quantityOf = ({ quantity, usage }: LedgerEntry) =>
  quantity === null ? "–" : usage === "speech" ? `${count(quantity)} characters` : `${count(quantity)} s`

const FilterFields = (props: {
  readonly books: Books
  readonly filters: Filters
  readonly change: (filters: Filters) => void
}) => {
  const { change, filters } = props
  const { accounts, keys } = props.books
  const set = (name: keyof Filters) => (event: Event) =>
    change({ ...filters, [name]: (event.target as HTMLInputElement).value })
  return html`
    <label
      >Account<select value=${filters.account} onChange=${set("account")}>
        ${choices(accounts).map(({ name, value }) => html`<option value=${value}>${name}</option>`)}
      </select></label
    >
    <label
      >Kind<select value=${filters.kind} onChange=${set("kind")}>
        <option value="">all</option>
        ${["charge", "refund", "deposit", "adjustment"].map((kind) => html`<option>${kind}</option>`)}
      </select></label
    >
    <label
      >Key<select value=${filters.key} onChange=${set("key")}>
        <option value="">all</option>
        ${keys.filter(({ accountId }) => accountId === filters.account).map(({ id, name }) => html`<option value=${id}>${name}</option>`)}
      </select></label
    >
    <label>From<input type="datetime-local" value=${filters.from} onInput=${set("from")} /></label>
    <label>Until<input type="datetime-local" value=${filters.until} onInput=${set("until")} /></label>
  `
}

/** Every entry of one account, latest first. */
export const Statement = ({ books }: BooksProps) => {
  const { accounts, currency, keys } = books
  const [filters, setFilters] = useState<Filters>({
    account: choices(accounts)[0]?.value ?? "",
    kind: "",
    key: "",
    from: "",
    until: "",
  })
  const [before, setBefore] = useState<number | undefined>(undefined)
  const [problem, setProblem] = useState<string | undefined>(undefined)
  const { data, error } = useAsked(
    () =>
      call<{ readonly entries: ReadonlyArray<LedgerEntry>; readonly hasMore: boolean }>(
        path(filters, "", { before, limit: pageSize }),
      ),
    [filters, before],
  )
  const change = (changed: Filters) => {
    setBefore(undefined)
    setFilters(changed)
  }
  const download = () => {
    request(path(filters, ".csv"))
      .then((response) => response.text())
      .then(
        (csv) => save("statement.csv", "text/csv", csv),
        (failed: unknown) => setProblem(messageOf(failed)),
      )
  }
  const entries = data?.entries ?? []
  return html`
    <section class="card">
      <div class="row">
        <${FilterFields} books=${books} filters=${filters} change=${change} />
        <button type="button" onClick=${download}>CSV</button>
      </div>
      <${Notice} error=${error ?? problem} />
      <${Table}
        caption="Entries, latest first"
        head=${["When", "Kind", "Amount", "Balance", "For", "Model", "Served", "Key", "Prices", "Reason"]}
        rows=${data?.entries.map((entry) => [
          moment(entry.at),
          html`<${Pill} kind=${entry.kind === "charge" ? "unknown" : "recovering"}>${entry.kind}</${Pill}>`,
          exactMoney(entry.amount, currency),
          exactMoney(entry.balance, currency),
          quantityOf(entry),
          entry.model ?? "–",
          entry.served ?? "–",
          named(keys, entry.keyId),
          entry.rateVersion ?? "–",
          entry.reason ?? "–",
        ])}
      />
      <div class="row">
        <button type="button" class="small" disabled=${before === undefined} onClick=${() => setBefore(undefined)}>
          Latest
        </button>
        <button
          type="button"
          class="small"
          disabled=${data?.hasMore !== true}
          onClick=${() => setBefore(entries.at(-1)?.id)}
        >
          Older
        </button>
      </div>
    </section>
  `
}
