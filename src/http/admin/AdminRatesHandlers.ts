import { Effect } from "effect"
import { handlersOf } from "../RequestContext.ts"
import { Accounts } from "../../billing/Accounts.ts"
import { Api } from "../../contract/Api.ts"
import { Settings } from "../../Settings.ts"
import { makeAnswer } from "../ErrorAnswers.ts"

/** `/admin/rates`. */
export const AdminRatesHandlers = handlersOf(
  Api,
  "adminRates",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    const { currency } = yield* Settings
    const answer = yield* makeAnswer
    return handlers
      .handle("publish", ({ payload: { validFrom, ...rates } }) => answer(accounts.publishRates(rates, validFrom)))
      .handle("withdraw", ({ params }) => answer(accounts.withdrawRates(params.version)))
      .handle("list", () => answer(Effect.map(accounts.rates, (rates) => ({ currency, rates }))))
  }),
)
