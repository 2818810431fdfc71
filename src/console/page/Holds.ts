import type { LiveHold } from "../../contract/AdminAccountsGroup.ts"
import { useAsked } from "./asking.ts"
import { call } from "./call.ts"
import { ago, count, millis, money } from "./format.ts"
import { html } from "./html.ts"
import { type Books, named } from "./books.ts"
import { Notice, Table } from "./parts.ts"

/** Money that is reserved for what is under way. */
export const Holds = ({ books }: { readonly books: Books }) => {
  const found = useAsked(() => call<{ readonly holds: ReadonlyArray<LiveHold> }>("/admin/holds"), [])
  return html`
    <section class="card">
      <div class="row spread">
        <h2>Holds</h2>
        <button type="button" class="small" onClick=${found.again}>Refresh</button>
      </div>
      <${Notice} error=${found.error} />
      <${Table}
        caption="Money reserved for what is under way"
        head=${["Since", "Account", "Key", "For", "Amount", "Hold"]}
        empty="Nothing is reserved."
        rows=${found.data?.holds.map((hold) => [
          ago(hold.createdAt),
          named(books.accounts, hold.accountId),
          named(books.keys, hold.keyId),
          hold.kind === "speech" ? `${count(hold.size)} characters` : millis(hold.size),
          money(hold.amount, books.currency),
          html`<code>${hold.id}</code>`,
        ])}
      />
    </section>
  `
}
