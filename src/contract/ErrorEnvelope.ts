import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"

/** The body of every error, in OpenAI's shape. All four members are always there. */
export const ErrorEnvelope = Schema.Struct({
  error: Schema.Struct({
    message: Schema.String.annotate({ description: "What went wrong, for a human." }),
    type: Schema.String.annotate({ description: "The family of the error." }),
    param: Schema.NullOr(Schema.String).annotate({ description: "The request field at fault, if one is." }),
    code: Schema.NullOr(Schema.String).annotate({ description: "What went wrong, for a program. See docs/errors.md." }),
  }),
}).annotate({
  identifier: "Error",
  description: "Every error has this body, whatever its status.",
  examples: [
    {
      error: {
        message: "The model `tts-9` does not exist or you do not have access to it.",
        type: "invalid_request_error",
        param: "model",
        code: "model_not_found",
      },
    },
  ],
})
export type ErrorEnvelope = typeof ErrorEnvelope.Type

/** The statuses an endpoint may answer an error with, for its `error` option. */
export const errorsWith = (...statuses: ReadonlyArray<number>) =>
  statuses.map((status) => ErrorEnvelope.pipe(HttpApiSchema.status(status)))
