import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { errorsWith } from "./ErrorEnvelope.ts"
import { keyOptional, ListingAccess } from "./KeyAccess.ts"

/** A model or base voice. `created` is in seconds since 1970; `kind` is ours, the rest is OpenAI's. */
export const Model = Schema.Struct({
  id: Schema.String,
  object: Schema.tag("model"),
  created: Schema.Int,
  owned_by: Schema.String,
  kind: Schema.Literals(["stt", "tts"]).annotate({
    description: "stt: transcribes. tts: speaks; a voice is one, too.",
  }),
  shutdown_date: Schema.Null.annotate({ description: "OpenAI's date of a model's end. None ends here." }),
}).annotate({
  identifier: "Model",
  examples: [
    {
      id: "magpie-tts-multilingual",
      object: "model",
      created: 1763700000,
      owned_by: "aviary",
      kind: "tts",
      shutdown_date: null,
    },
  ],
})
export type Model = typeof Model.Type

const ModelList = Schema.Struct({ object: Schema.tag("list"), data: Schema.Array(Model) }).annotate({
  identifier: "ModelList",
})

const description =
  "A listed model or voice, or an alias such as `tts-1`, `gpt-4o-mini-tts`, `whisper-1` or `gpt-4o-transcribe`, answered under the name asked for."

/** What can be asked for. Ids may contain a slash, as on Hugging Face, percent-encoded or not. */
export class ModelsGroup extends HttpApiGroup.make("models")
  .add(
    HttpApiEndpoint.get("list", "/v1/models", { success: ModelList })
      .annotateMerge(keyOptional)
      .annotateMerge(
        OpenApi.annotations({
          summary: "List models and voices",
          description:
            "The model that transcribes, the one that speaks, and one entry per base voice. While the voices cannot be listed, the rest.",
        }),
      ),
    HttpApiEndpoint.get("retrieve", "/v1/models/:id", {
      params: { id: Schema.String },
      success: Model,
      error: errorsWith(404),
    })
      .annotateMerge(keyOptional)
      .annotateMerge(OpenApi.annotations({ summary: "Retrieve a model", description })),
    HttpApiEndpoint.get("retrieveOwned", "/v1/models/:owner/:name", {
      params: { owner: Schema.String, name: Schema.String },
      success: Model,
      error: errorsWith(404),
    }).annotateMerge(OpenApi.annotations({ exclude: true })),
  )
  .middleware(ListingAccess)
  .annotateMerge(OpenApi.annotations({ title: "Models", description: "Models and voices." })) {}
