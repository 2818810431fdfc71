import { useState } from "preact/hooks"
import type { ApiKey } from "../../billing/ApiKey.ts"
import { call } from "./call.ts"
import { type Filled, Form, microUnits } from "./fields.ts"
import { useFind } from "./find.ts"
import { count, money, moment } from "./format.ts"
import { html } from "./html.ts"
import { type BooksProps, choices, named } from "./books.ts"
import { Copy, Pill, type Question, Table } from "./parts.ts"

const stateOf = ({ expiresAt, revokedAt }: ApiKey) =>
  revokedAt !== null ? "revoked" : expiresAt !== null && expiresAt <= Date.now() ? "expired" : "good"

const limitsOf = ({ limits }: ApiKey, currency: string) =>
  [
    limits.requestsPerMinute === null ? "" : `${count(limits.requestsPerMinute)} requests/min`,
    limits.charactersPerMinute === null ? "" : `${count(limits.charactersPerMinute)} characters/min`,
    limits.monthlyCap === null ? "" : `${money(limits.monthlyCap, currency)}/month`,
  ]
    .filter((limit) => limit !== "")
    .join(", ") || "none"

const revoke = (key: ApiKey, again: () => void): Question => ({
  title: `Revoke ${key.name}?`,
  text: `The key that ends in ${key.hint} is refused from now on, for good.`,
  button: "Revoke",
  act: async () => {
    await call<ApiKey>(`/admin/keys/${encodeURIComponent(key.id)}`, { method: "DELETE" })
    again()
    return "It is revoked."
  },
})

const wanted = ({ account, characters, expires, month, name, requests }: Filled) => {
  const limits = {
    ...(requests ? { requestsPerMinute: Number(requests) } : {}),
    ...(characters ? { charactersPerMinute: Number(characters) } : {}),
    ...(month ? { monthlyCap: microUnits(month) } : {}),
  }
  return {
    accountId: account,
    name,
    ...(expires ? { expiresAt: new Date(expires).getTime() } : {}),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  }
}

/** The one time that a key is shown. */
const Made = (props: { readonly name: string; readonly text: string; readonly hide: () => void }) => html`
  <div class="notice good" role="status">
    <strong>${props.name}</strong>: keep it, it is not shown again.
    <div class="row">
      <code data-key>${props.text}</code><${Copy} text=${props.text} /><button
        type="button"
        class="small"
        onClick=${props.hide}
      >
        Hide
      </button>
    </div>
  </div>
`

/** What clients come in with. */
export const Keys = ({ again, ask, books }: BooksProps) => {
  const [made, setMade] = useState<{ readonly name: string; readonly text: string } | undefined>(undefined)
  const { accounts, currency, keys } = books
  const { box, found } = useFind(keys, {
    label: "Find a key",
    hint: "a name, an account, an id, its end",
    from: 20,
    textOf: ({ accountId, hint, id, name }) => [name, named(accounts, accountId), id, hint].join(" "),
  })
  const create = async (filled: Filled) => {
    const { key, text } = await call<{ readonly key: ApiKey; readonly text: string }>("/admin/keys", {
      method: "POST",
      json: wanted(filled),
    })
    setMade({ name: key.name, text })
    again()
    return `${key.name} is made. Its key is shown above, once.`
  }
  return html`
    <section class="card">
      <h2>Create a key</h2>
      ${made === undefined ? null : html`<${Made} ...${made} hide=${() => setMade(undefined)} />`}
      <${Form}
        label="Create a key"
        button="Create"
        send=${create}
        fields=${[
          { name: "account", label: "Account", options: choices(accounts.filter(({ state }) => state === "open")) },
          { name: "name", label: "Name", required: true },
          { name: "requests", label: "Requests a minute", type: "number", step: "1", min: 1 },
          { name: "characters", label: "Characters a minute", type: "number", step: "1", min: 1 },
          { name: "month", label: `${currency.toUpperCase()} a month`, type: "money" },
          { name: "expires", label: "Expires", type: "datetime-local" },
        ]}
      />
    </section>
    <section class="card">
      ${box}
      <${Table}
        caption="Keys"
        head=${["Name", "Account", "Ends in", "State", "Limits", "Made", "Expires", ""]}
        rows=${found.map((key) => [
          html`<strong>${key.name}</strong><br /><code>${key.id}</code>`,
          named(accounts, key.accountId),
          html`<code>…${key.hint}</code>`,
          html`<${Pill} kind=${stateOf(key) === "good" ? "healthy" : "unknown"}>${stateOf(key)}</${Pill}>`,
          limitsOf(key, currency),
          moment(key.createdAt),
          key.expiresAt === null ? "never" : moment(key.expiresAt),
          stateOf(key) === "good"
            ? html`<button type="button" class="small" onClick=${() => ask(revoke(key, again))}>Revoke …</button>`
            : null,
        ])}
      />
    </section>
  `
}
