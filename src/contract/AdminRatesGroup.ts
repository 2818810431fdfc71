import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { RateCard, Rates } from "../billing/RateCard.ts"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"

export const NewRates = Schema.Struct({
  ...Rates.fields,
  validFrom: Schema.optionalKey(Schema.Int.annotate({ description: "Unix milliseconds. Absent: at once." })),
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
        description: "Versions are never changed. A request is priced by the version in force when it begins.",
      }),
    ),
    HttpApiEndpoint.get("list", "/admin/rates", {
      success: Schema.Struct({ currency: Schema.String, rates: Schema.Array(RateCard) }),
      error: errorsWith(503),
    }).annotateMerge(OpenApi.annotations({ summary: "List prices, oldest version first" })),
  )
  .middleware(AdminAccess)
  .annotateMerge(OpenApi.annotations({ title: "Admin: rates" })) {}
