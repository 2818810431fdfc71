import { Schema, Struct } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { ApiKey, KeyLimits } from "../billing/ApiKey.ts"
import { Priority } from "../billing/Priority.ts"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { knownFieldsOnly, moment, name } from "./OperatorFields.ts"

const NewKey = Schema.Struct({
  accountId: Schema.String.annotate({ message: "expected the id of an account" }),
  name,
  expiresAt: Schema.optionalKey(moment.annotate({ description: "Unix milliseconds. Absent: it does not expire." })),
  limits: Schema.optionalKey(
    KeyLimits.mapFields(Struct.map(Schema.optionalKey)).annotate({
      message: 'expected limits such as {"requestsPerMinute":60}',
    }),
  ),
  priority: Schema.optionalKey(
    Priority.annotate({
      description: "Whose requests wait in front of whose for an engine. Absent: normal.",
    }),
  ),
}).annotate({ identifier: "NewKey", examples: [{ accountId: "acct_1", name: "Open WebUI" }] })

/** Keys of clients. Only their SHA-256 is kept. */
export class AdminKeysGroup extends HttpApiGroup.make("adminKeys")
  .add(
    HttpApiEndpoint.post("create", "/admin/keys", {
      payload: NewKey,
      success: Schema.Struct({
        key: ApiKey,
        text: Schema.String.annotate({ description: "The key itself. It is shown here and never again." }),
      }).pipe(HttpApiSchema.status(201)),
      error: errorsWith(400, 404, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "Make a key" })),
    HttpApiEndpoint.get("list", "/admin/keys", {
      query: {
        accountId: Schema.optionalKey(Schema.String.annotate({ description: "Absent: keys of all accounts." })),
      },
      success: Schema.Struct({ keys: Schema.Array(ApiKey) }),
      error: errorsWith(400, 404, 503),
    }).annotateMerge(OpenApi.annotations({ summary: "List keys" })),
    HttpApiEndpoint.delete("revoke", "/admin/keys/:id", {
      params: { id: Schema.String },
      success: ApiKey,
      error: errorsWith(404, 503),
    }).annotateMerge(
      OpenApi.annotations({ summary: "Revoke a key", description: "At once and for good. Its entries stay." }),
    ),
  )
  .middleware(AdminAccess)
  .annotateMerge(knownFieldsOnly)
  .annotateMerge(OpenApi.annotations({ title: "Admin: keys" })) {}
