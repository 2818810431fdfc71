import type { Account, Terms } from "../../billing/Account.ts"
import { call } from "./call.ts"
import { type Filled, Form, largestAmount, microUnits, newId } from "./fields.ts"
import { useFind } from "./find.ts"
import { money, moment } from "./format.ts"
import { Holds } from "./Holds.ts"
import { html } from "./html.ts"
import type { BooksProps } from "./books.ts"
import { Pill, type Question, Table } from "./parts.ts"

const terms = (kind: string, amount: string): Terms =>
  kind === "prepaid"
    ? { kind, overdraft: amount === "" ? 0 : microUnits(amount) }
    : { kind: "metered", monthlyCap: amount === "" ? null : microUnits(amount) }

const termsOf = ({ terms }: Account, currency: string) =>
  terms.kind === "prepaid"
    ? `prepaid${terms.overdraft > 0 ? `, down to −${money(terms.overdraft, currency)}` : ""}`
    : `metered${terms.monthlyCap === null ? "" : `, up to ${money(terms.monthlyCap, currency)} a month`}`

/** Names the posting before it is sent, so that one sent twice counts once. */
const posting = (account: Account, kind: "deposits" | "adjustments", currency: string, again: () => void): Question => {
  const operationId = newId()
  return {
    title: kind === "deposits" ? `Top up ${account.name}` : `Correct the balance of ${account.name}`,
    text: `Its balance is ${money(account.balance, currency)}. ${kind === "deposits" ? "" : "Either way; below zero takes away."}`,
    button: kind === "deposits" ? "Top up" : "Correct",
    field: { label: `Amount in ${currency.toUpperCase()}`, value: "10.00" },
    act: async (typed) => {
      const { balance } = await call<{ readonly balance: number }>(
        `/admin/accounts/${encodeURIComponent(account.id)}/${kind}`,
        {
          method: "POST",
          json: {
            amount: microUnits(typed, kind === "deposits" ? 0.000001 : -largestAmount),
            reason: "by hand, in the console",
            operationId,
          },
        },
      )
      again()
      return `The balance is ${money(balance, currency)} now.`
    },
  }
}

const change = (account: Account, to: "freeze" | "unfreeze" | "close", again: () => void): Question => {
  const path = `/admin/accounts/${encodeURIComponent(account.id)}`
  const texts = {
    freeze: "Its keys are refused until it is unfrozen. What is under way goes on and is charged.",
    unfreeze: "Its keys are let in again.",
    close: "For good: its keys are revoked. Its entries and its balance stay.",
  }
  return {
    title: `${to[0]!.toUpperCase()}${to.slice(1)} ${account.name}?`,
    text: texts[to],
    button: `${to[0]!.toUpperCase()}${to.slice(1)}`,
    act: async () => {
      const { state } = await call<Account>(to === "close" ? path : `${path}/${to}`, {
        method: to === "close" ? "DELETE" : "POST",
      })
      again()
      return `It is ${state} now.`
    },
  }
}

/** Who pays. */
export const Accounts = ({ again, ask, books }: BooksProps) => {
  const { accounts, currency } = books
  const { box, found } = useFind(accounts, { label: "Find an account", hint: "a name, an id, a state", from: 20 })
  const open = async ({ amount = "", kind = "", name = "" }: Filled) => {
    const { id } = await call<Account>("/admin/accounts", {
      method: "POST",
      json: { name, terms: terms(kind, amount) },
    })
    again()
    return `${name} is open: ${id}`
  }
  const buttons = (account: Account) => {
    const button = (name: string, question: () => Question) =>
      html`<button type="button" class="small" onClick=${() => ask(question())}>${name} …</button>`
    if (account.state === "closed") return button("Correct", () => posting(account, "adjustments", currency, again))
    return html`<div class="row">
      ${button("Top up", () => posting(account, "deposits", currency, again))}
      ${button("Correct", () => posting(account, "adjustments", currency, again))}
      ${account.state === "open" ? button("Freeze", () => change(account, "freeze", again)) : button("Unfreeze", () => change(account, "unfreeze", again))}
      ${button("Close", () => change(account, "close", again))}
    </div>`
  }
  return html`
    <section class="card">
      <h2>Open an account</h2>
      <${Form}
        label="Open an account"
        button="Open"
        send=${open}
        fields=${[
          { name: "name", label: "Name", required: true },
          {
            name: "kind",
            label: "Terms",
            options: [
              { value: "metered", name: "metered: pays later" },
              { value: "prepaid", name: "prepaid: pays first" },
            ],
          },
          {
            name: "amount",
            label: `Cap a month, or overdraft (${currency.toUpperCase()})`,
            type: "money",
          },
        ]}
      />
    </section>
    <section class="card">
      ${box}
      <${Table}
        caption="Accounts"
        head=${["Name", "Terms", "State", "Balance", "Held", "This month", "Opened", ""]}
        rows=${found.map((account) => [
          html`<strong>${account.name}</strong><br /><code>${account.id}</code>`,
          termsOf(account, currency),
          html`<${Pill}
            kind=${account.state === "open" ? "healthy" : account.state === "frozen" ? "suspect" : "unknown"}
            >${account.state}</${Pill}
          >`,
          money(account.balance, currency),
          money(account.held, currency),
          money(account.spentThisMonth, currency),
          account.createdAt === 0 ? "–" : moment(account.createdAt),
          buttons(account),
        ])}
      />
    </section>
    <${Holds} books=${books} />
  `
}
