import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { AdminAccess } from "./AdminAccess.ts"

const SettingReport = Schema.Struct({
  name: Schema.String,
  value: Schema.NullOr(Schema.String).annotate({
    description: "As it is written; `null` where it is unset, or a secret.",
  }),
  secret: Schema.Boolean,
  origin: Schema.String.annotate({ description: "`default`, or where it was said: `environment`, a flag, a file." }),
  default: Schema.NullOr(Schema.String),
  accepts: Schema.String,
  meaning: Schema.String,
}).annotate({ identifier: "SettingReport" })
export type SettingReport = typeof SettingReport.Type

const GatewayReport = Schema.Struct({
  version: Schema.String,
  node: Schema.String,
  startedAt: Schema.Finite.annotate({ description: "Unix time in milliseconds." }),
  currency: Schema.String,
  models: Schema.Struct({ speech: Schema.String, transcription: Schema.String }),
  settings: Schema.Array(SettingReport),
}).annotate({ identifier: "GatewayReport" })
export type GatewayReport = typeof GatewayReport.Type

/** What this gateway is and how it is set up. */
export class AdminSettingsGroup extends HttpApiGroup.make("adminSettings")
  .add(
    HttpApiEndpoint.get("list", "/admin/settings", { success: GatewayReport }).annotateMerge(
      OpenApi.annotations({ summary: "Version, and every setting with where it came from" }),
    ),
  )
  .middleware(AdminAccess)
  .annotateMerge(OpenApi.annotations({ title: "Admin: settings" })) {}
