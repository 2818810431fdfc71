import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Account, largestAmount, Terms } from "../billing/Account.ts"
import { EntryKind, LedgerEntry } from "../billing/LedgerEntry.ts"
import { wholeNumber, wholeNumbers } from "../billing/WholeNumber.ts"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { integer, knownFieldsOnly, name } from "./OperatorFields.ts"

const amounts = (minimum: number) => wholeNumbers(minimum, largestAmount, "micro-units")
const deposited = wholeNumber(1, largestAmount, amounts(1))
const eitherWay = { message: `${amounts(-largestAmount)}, and not 0` }
const adjusted = wholeNumber(-largestAmount, largestAmount, eitherWay.message).check(
  Schema.makeFilter((value: number) => value !== 0, eitherWay),
)

const operationId = Schema.optionalKey(
  name.annotate({ description: "Makes a posting that is sent twice count once. Made by the gateway if absent." }),
)

const byId = { id: Schema.String }

/** Money reserved for one request that is under way. */
const LiveHold = Schema.Struct({
  id: Schema.String,
  accountId: Schema.String,
  keyId: Schema.NullOr(Schema.String),
  kind: Schema.Literals(["speech", "transcription"]),
  size: Schema.Int.annotate({ description: "Code points of speech, milliseconds of a recording." }),
  model: Schema.String,
  amount: Schema.Int,
  createdAt: Schema.Int,
  expiresAt: Schema.Int.annotate({ description: "Renewed for as long as the request lives." }),
}).annotate({ identifier: "LiveHold" })
export type LiveHold = typeof LiveHold.Type

const unixMillis = (description: string) =>
  Schema.optionalKey(
    integer(0, Number.MAX_SAFE_INTEGER).annotate({ description: `Unix milliseconds: ${description}.` }),
  )

const kinds = EntryKind.annotate({ message: 'expected one of "deposit", "adjustment", "charge", "refund"' })

const statementFilters = {
  kind: Schema.optionalKey(kinds),
  key: Schema.optionalKey(Schema.String.annotate({ description: "Entries of the key with this id." })),
  from: unixMillis("no older entries"),
  until: unixMillis("only older entries"),
}

/** Money is in micro-units of `AVIARY_CURRENCY`: 1,000,000 of them are one unit. Times are Unix milliseconds. */
export class AdminAccountsGroup extends HttpApiGroup.make("adminAccounts")
  .add(
    HttpApiEndpoint.post("open", "/admin/accounts", {
      payload: Schema.Struct({ name, terms: Terms }).annotate({
        identifier: "NewAccount",
        examples: [{ name: "Home", terms: { kind: "prepaid", overdraft: 0 } }],
      }),
      success: Account.pipe(HttpApiSchema.status(201)),
      error: errorsWith(400, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Open an account" })),
    HttpApiEndpoint.get("list", "/admin/accounts", {
      success: Schema.Struct({ currency: Schema.String, accounts: Schema.Array(Account) }),
      error: errorsWith(503),
    }).annotateMerge(OpenApi.annotations({ summary: "List accounts" })),
    HttpApiEndpoint.get("get", "/admin/accounts/:id", {
      params: byId,
      success: Account,
      error: errorsWith(404, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Show an account" })),
    HttpApiEndpoint.patch("change", "/admin/accounts/:id", {
      params: byId,
      payload: Schema.Struct({ name: Schema.optionalKey(name), terms: Schema.optionalKey(Terms) }).annotate({
        identifier: "AccountChange",
      }),
      success: Account,
      error: errorsWith(400, 404, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Change an account's name or terms" })),
    HttpApiEndpoint.post("freeze", "/admin/accounts/:id/freeze", {
      params: byId,
      success: Account,
      error: errorsWith(400, 404, 503),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Freeze an account",
        description: "Its keys are refused until it is unfrozen. What is under way goes on and is charged.",
      }),
    ),
    HttpApiEndpoint.post("unfreeze", "/admin/accounts/:id/unfreeze", {
      params: byId,
      success: Account,
      error: errorsWith(400, 404, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Unfreeze an account" })),
    HttpApiEndpoint.delete("close", "/admin/accounts/:id", {
      params: byId,
      success: Account,
      error: errorsWith(400, 404, 503),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Close an account",
        description:
          "For good: its keys are revoked, and what is under way is the last that is charged. Its entries stay, and so does its balance, which only adjustments change from then on.",
      }),
    ),
    HttpApiEndpoint.post("deposit", "/admin/accounts/:id/deposits", {
      params: byId,
      payload: Schema.Struct({ amount: deposited, reason: Schema.optionalKey(name), operationId }).annotate({
        identifier: "Deposit",
      }),
      success: LedgerEntry.pipe(HttpApiSchema.status(201)),
      error: errorsWith(400, 404, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Top up an account" })),
    HttpApiEndpoint.post("adjust", "/admin/accounts/:id/adjustments", {
      params: byId,
      payload: Schema.Struct({ amount: adjusted, reason: name, operationId }).annotate({
        identifier: "Adjustment",
      }),
      success: LedgerEntry.pipe(HttpApiSchema.status(201)),
      error: errorsWith(400, 404, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Correct a balance", description: "Either way, with a reason." })),
    HttpApiEndpoint.get("statement", "/admin/accounts/:id/statement", {
      params: byId,
      query: {
        before: Schema.optionalKey(
          integer(1, Number.MAX_SAFE_INTEGER).annotate({ description: "Entries older than this one's id." }),
        ),
        limit: Schema.optionalKey(integer(1, 1_000).annotate({ description: "1 to 1,000. Default 100." })),
        ...statementFilters,
      },
      success: Schema.Struct({ entries: Schema.Array(LedgerEntry), hasMore: Schema.Boolean }),
      error: errorsWith(400, 404, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Entries of an account, newest first" })),
    HttpApiEndpoint.get("statementCsv", "/admin/accounts/:id/statement.csv", {
      params: byId,
      query: statementFilters,
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/csv" })),
      error: errorsWith(400, 404, 503),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "The same as a table",
        description: "All entries, 100,000 at most; amounts in whole units of the currency.",
      }),
    ),
    HttpApiEndpoint.get("holds", "/admin/holds", {
      success: Schema.Struct({ holds: Schema.Array(LiveHold) }),
      error: errorsWith(503),
    }).annotateMerge(
      OpenApi.annotations({ summary: "Money reserved for what is under way", description: "The last 1,000 holds." }),
    ),
  )
  .middleware(AdminAccess)
  .annotateMerge(knownFieldsOnly)
  .annotateMerge(OpenApi.annotations({ title: "Admin: accounts" })) {}
