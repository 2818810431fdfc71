import { Schema } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"

/** Of a text field, in a form as in JSON. */
export const maxFieldBytes = 64 * 1024

/** What is wrong with an upload in JSON: not JSON, no object, no recording, not base64, a field that is too large; or the disk. */
export class JsonUploadFault extends Schema.TaggedError<JsonUploadFault>()("JsonUploadFault", {
  fault: Schema.Literals(["json", "body", "data", "base64", "field", "disk"]),
}) {}

/** `Unwrap` reads the JSON file `input`, writes its recording to `output`, an empty file, and answers the other fields that are known as text. */
export const JsonUploadRpcs = RpcGroup.make(
  Rpc.make("Unwrap", {
    payload: { input: Schema.String, output: Schema.String },
    success: Schema.Array(Schema.Tuple([Schema.String, Schema.String])),
    error: JsonUploadFault,
  }),
)
