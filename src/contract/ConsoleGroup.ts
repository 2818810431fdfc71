import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"

const Visitor = Schema.Struct({
  who: Schema.Literals(["operator", "client", "guest", "stranger"]).annotate({
    description:
      "`operator`: brought the admin token. `client`: brought a key that is good. `guest`: brought nothing, and may use the API all the same, on the gateway's own machine. `stranger`: anybody else, who is shown nothing but where to sign in.",
  }),
  access: Schema.Literals(["open", "keys"]).annotate({ description: "`AVIARY_ACCESS`." }),
  formats: Schema.Array(Schema.String).annotate({ description: "What speech can be encoded as here." }),
}).annotate({ identifier: "Visitor" })
export type Visitor = typeof Visitor.Type

/** What the console asks before anything else. */
export class ConsoleGroup extends HttpApiGroup.make("console")
  .add(
    HttpApiEndpoint.get("who", "/console/who", { success: Visitor }).annotateMerge(
      OpenApi.annotations({
        summary: "Who is asking?",
        description: "Which of the console's pages are shown to whoever brings this bearer token, or none.",
        override: { security: [{}, { admin: [] }, { key: [] }] },
      }),
    ),
  )
  .annotateMerge(OpenApi.annotations({ title: "Console" })) {}
