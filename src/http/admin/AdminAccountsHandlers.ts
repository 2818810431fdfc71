import { Effect, Stream } from "effect"
import { HttpEffect, HttpServerResponse } from "effect/http"
import { handlersOf } from "../RequestContext.ts"
import { Accounts } from "../../billing/Accounts.ts"
import { Billing } from "../../billing/Billing.ts"
import type { Hold } from "../../billing/Hold.ts"
import type { EntryKind } from "../../billing/LedgerEntry.ts"
import type { StatementQuery } from "../../billing/Operations.ts"
import type { LiveHold } from "../../contract/AdminAccountsGroup.ts"
import { Api } from "../../contract/Api.ts"
import { Settings } from "../../Settings.ts"
import { makeAnswer } from "../ErrorAnswers.ts"
import { statementCsv, statementPages } from "./StatementCsv.ts"

const usualPage = 100
const csvPage = 1_000
const mostCsvRows = 100_000
const mostHolds = 1_000

interface Filters {
  readonly kind?: EntryKind
  readonly key?: string
  readonly from?: number
  readonly until?: number
}

const filters = (accountId: string, { from, key, kind, until }: Filters) => ({
  accountId,
  kind,
  keyId: key,
  from,
  until,
})

const liveHold = ({ accountId, amount, createdAt, expiresAt, id, keyId, usage }: Hold): LiveHold => ({
  ...{ id, accountId, keyId, amount, createdAt, expiresAt },
  kind: usage.kind,
  model: usage.model,
  size: usage.kind === "speech" ? usage.characters : usage.audioMillis,
})

const downloaded = HttpEffect.appendPreResponseHandler((_, response) =>
  Effect.succeed(HttpServerResponse.setHeader(response, "content-disposition", 'attachment; filename="statement.csv"')),
)

/** `/admin/accounts`. */
export const AdminAccountsHandlers = handlersOf(
  Api,
  "adminAccounts",
  Effect.fnUntraced(function* (handlers) {
    const accounts = yield* Accounts
    const billing = yield* Billing
    const { currency } = yield* Settings
    const answer = yield* makeAnswer

    const statement = Effect.fnUntraced(function* (query: StatementQuery) {
      yield* accounts.get(query.accountId)
      const found = yield* billing.statement({ ...query, limit: query.limit + 1 })
      return { entries: found.slice(0, query.limit), hasMore: found.length > query.limit }
    })

    const table = Effect.fnUntraced(function* (query: Omit<StatementQuery, "before" | "limit">) {
      const pages = statementPages((before) => billing.statement({ ...query, before, limit: csvPage }), csvPage)
      yield* accounts.get(query.accountId)
      const entries = yield* Stream.runCollect(Stream.take(pages, mostCsvRows))
      yield* downloaded
      return statementCsv(entries, currency)
    })

    const holds = Effect.map(billing.holds(mostHolds), (found) => ({ holds: found.map(liveHold) }))

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
        answer(
          statement({ ...filters(params.id, query), before: query.before ?? null, limit: query.limit ?? usualPage }),
        ),
      )
      .handle("statementCsv", ({ params, query }) => answer(table(filters(params.id, query))))
      .handle("holds", () => answer(holds))
  }),
)
