import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { RateCard, Rates } from "../billing/RateCard.ts"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { integer, knownFieldsOnly, moment } from "./OperatorFields.ts"

const NewRates = Schema.Struct({
  ...Rates.fields,
  validFrom: Schema.optionalKey(moment.annotate({ description: "Unix milliseconds. Absent: at once." })),
}).annotate({
  identifier: "NewRates",
  examples: [
    {
      speechPerMillionCharacters: 15_000_000,
      transcriptionPerMinute: 6_000,
      hitShare: 10_000,
      coalescedShare: 10_000,
    },
  ],
})

/** Prices in micro-units; shares in hundredths of a per cent. */
export class AdminRatesGroup extends HttpApiGroup.make("adminRates")
  .add(
    HttpApiEndpoint.post("publish", "/admin/rates", {
      payload: NewRates,
      success: RateCard.pipe(HttpApiSchema.status(201)),
      error: errorsWith(400, 503),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Publish new prices",
        description:
          "Versions are never changed. One may begin before another that is still to come, and then holds until that one. A request is priced by the version in force when it begins.",
      }),
    ),
    HttpApiEndpoint.delete("withdraw", "/admin/rates/:version", {
      params: { version: integer(1, Number.MAX_SAFE_INTEGER) },
      success: RateCard,
      error: errorsWith(400, 404, 503),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Withdraw prices that have not begun",
        description: "The version before them then holds for longer. One that has begun stays.",
      }),
    ),
    HttpApiEndpoint.get("list", "/admin/rates", {
      success: Schema.Struct({ currency: Schema.String, rates: Schema.Array(RateCard) }),
      error: errorsWith(503),
    }).annotateMerge(OpenApi.annotations({ summary: "List prices, oldest version first" })),
  )
  .middleware(AdminAccess)
  .annotateMerge(knownFieldsOnly)
  .annotateMerge(OpenApi.annotations({ title: "Admin: rates" })) {}
