import { useState } from "preact/hooks"
import { Accounts } from "./Accounts.ts"
import { type Asking, useAsked } from "./asking.ts"
import type { Books } from "./books.ts"
import { call } from "./call.ts"
import { html } from "./html.ts"
import { Keys } from "./Keys.ts"
import { Notice, useQuestion } from "./parts.ts"
import { Rates } from "./Rates.ts"
import { Statement } from "./Statement.ts"
import { Usage } from "./Usage.ts"

const parts = [
  { name: "Accounts", part: Accounts },
  { name: "Keys", part: Keys },
  { name: "Prices", part: Rates },
  { name: "Usage", part: Usage },
  { name: "Statement", part: Statement },
] as const

const useBooks = (): Asking<Books> =>
  useAsked(async () => {
    const [{ accounts, currency }, { keys }] = await Promise.all([
      call<Omit<Books, "keys">>("/admin/accounts"),
      call<Pick<Books, "keys">>("/admin/keys"),
    ])
    return { accounts, currency, keys }
  }, [])

/** Accounts, keys, prices, and what was used and paid. */
export const Money = () => {
  const books = useBooks()
  const [open, setOpen] = useState<string>("Accounts")
  const { ask, dialog } = useQuestion()
  const { part } = parts.find(({ name }) => name === open)!
  return html`
    <div class="row spread">
      <h1>Money</h1>
      <div class="row" role="group" aria-label="Parts of this page">
        ${parts.map(({ name }) => html`<button type="button" class="small" aria-pressed=${name === open} onClick=${() => setOpen(name)}>${name}</button>`)}
      </div>
    </div>
    <${Notice} error=${books.error} />
    ${books.data === undefined ? html`<section class="card waiting"></section>` : html`<${part} books=${books.data} again=${books.again} ask=${ask} />`}
    ${dialog}
  `
}
