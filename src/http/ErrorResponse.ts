import { HttpServerResponse } from "effect/http"
import type { ApiError } from "../contract/ApiError.ts"

/** `error` on the wire. */
export const errorResponse = (error: ApiError): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(error.envelope, { status: error.status, headers: error.headers })
