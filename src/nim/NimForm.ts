import { Effect, type FileSystem, type Path, type Scope } from "effect"
import { HttpServerRequest, Multipart } from "effect/http"
import { NimRefusal } from "./NimReply.ts"

/** The fields of a form, and the path of its file, which lives as long as the request. */
export interface NimForm {
  readonly fields: Readonly<Record<string, string>>
  readonly file: string | undefined
}

const limits = Multipart.limitsServices({
  maxParts: 32,
  maxFieldSize: "1 MiB",
  maxFileSize: "512 MiB",
  maxTotalSize: "520 MiB",
})

const unreadable = () => new NimRefusal({ status: 400, detail: "There was an error parsing the body" })

/** Multipart or urlencoded: a NIM takes both. */
export const readForm = Effect.fnUntraced(function* (): Effect.fn.Return<
  NimForm,
  NimRefusal,
  HttpServerRequest.HttpServerRequest | FileSystem.FileSystem | Path.Path | Scope.Scope
> {
  const request = yield* HttpServerRequest.HttpServerRequest
  const contentType = request.headers["content-type"] ?? ""
  if (contentType.startsWith("application/x-www-form-urlencoded")) {
    const written = yield* Effect.mapError(request.text, unreadable)
    return { fields: Object.fromEntries(new URLSearchParams(written)), file: undefined }
  }
  const parts = yield* Effect.mapError(Effect.provideContext(request.multipart, limits), unreadable)
  const fields: Record<string, string> = {}
  let file: string | undefined
  for (const [name, value] of Object.entries(parts)) {
    const first = typeof value === "string" ? value : value[0]
    if (typeof first === "string") fields[name] = first
    else if (first !== undefined && name === "file") file = first.path
  }
  return { fields, file }
})

/** FastAPI's answer to a field that is not there. */
export const missing = (field: string) =>
  new NimRefusal({
    status: 422,
    detail: [{ type: "missing", loc: ["body", field], msg: "Field required", input: null }],
  })
