import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Accounts } from "../../billing/Accounts.ts"
import { Billing } from "../../billing/Billing.ts"
import { Api } from "../../contract/Api.ts"
import { Settings } from "../../Settings.ts"
import { makeAnswer } from "../Answer.ts"

const usualPage = 100

/** `/admin/accounts`. */
export const AdminAccountsHandlers = HttpApiBuilder.group(
  Api,
  "adminAccounts",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    const billing = yield* Billing
    const { currency } = yield* Settings
    const answer = yield* makeAnswer

    const statement = Effect.fnUntraced(function* (accountId: string, before: number | null, limit: number) {
      yield* accounts.get(accountId)
      const found = yield* billing.statement({ accountId, before, limit: limit + 1 })
      return { entries: found.slice(0, limit), hasMore: found.length > limit }
    })

    return handlers
      .handle("open", ({ payload }) => answer(accounts.open(payload)))
      .handle("list", () => answer(Effect.map(accounts.list, (found) => ({ currency, accounts: found }))))
      .handle("get", ({ params }) => answer(accounts.get(params.id)))
      .handle("change", ({ params, payload }) => answer(accounts.change(params.id, payload)))
      .handle("freeze", ({ params }) => answer(accounts.freeze(params.id)))
      .handle("unfreeze", ({ params }) => answer(accounts.unfreeze(params.id)))
      .handle("close", ({ params }) => answer(accounts.close(params.id)))
      .handle("deposit", ({ params, payload }) => answer(accounts.deposit({ accountId: params.id, ...payload })))
      .handle("adjust", ({ params, payload }) => answer(accounts.adjust({ accountId: params.id, ...payload })))
      .handle("statement", ({ params, query }) =>
        answer(statement(params.id, query.before ?? null, query.limit ?? usualPage)),
      )
  }),
)
