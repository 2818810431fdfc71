import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { AdminAccess } from "./AdminAccess.ts"
import { errorsWith } from "./ErrorEnvelope.ts"
import { unixMillis } from "../telemetry/UnixMillis.ts"

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
  live: Schema.Boolean.annotate({
    description: "Whether it can change while the gateway runs; the others need a restart.",
  }),
}).annotate({ identifier: "SettingReport" })
export type SettingReport = typeof SettingReport.Type

const GatewayReport = Schema.Struct({
  version: Schema.String,
  node: Schema.String,
  startedAt: unixMillis,
  currency: Schema.String,
  models: Schema.Struct({ speech: Schema.String, transcription: Schema.String }),
  settings: Schema.Array(SettingReport),
}).annotate({ identifier: "GatewayReport" })
export type GatewayReport = typeof GatewayReport.Type

const names = Schema.Array(Schema.String)

const ReloadReport = Schema.Struct({
  file: Schema.NullOr(Schema.String).annotate({
    description: "The file of `--config`, which was read again. `null`: there is none, so nothing can have changed.",
  }),
  changed: names.annotate({ description: "Settings that are in force from now on." }),
  needsRestart: names.annotate({
    description: "Settings that are written otherwise than the gateway was started with, and stay as they were.",
  }),
}).annotate({ identifier: "ReloadReport" })
export type ReloadReport = typeof ReloadReport.Type

/** What this gateway is and how it is set up. */
export class AdminSettingsGroup extends HttpApiGroup.make("adminSettings")
  .add(
    HttpApiEndpoint.get("list", "/admin/settings", { success: GatewayReport }).annotateMerge(
      OpenApi.annotations({ summary: "Version, and every setting with where it came from" }),
    ),
  )
  .add(
    HttpApiEndpoint.post("reload", "/admin/settings/reload", {
      success: ReloadReport,
      error: errorsWith(422),
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Read the file of settings again",
        description:
          "As SIGHUP does. What can change while the gateway runs is in force for every request from then on. A file that is not valid changes nothing.",
      }),
    ),
  )
  .middleware(AdminAccess)
  .annotateMerge(OpenApi.annotations({ title: "Admin: settings" })) {}
