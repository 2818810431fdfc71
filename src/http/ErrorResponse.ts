import { HttpServerResponse } from "effect/http"
import type { ApiError } from "../contract/ApiError.ts"

/** `error` on the wire. After a 408 the rest of the request may still come, so the connection is over (RFC 9110, 15.5.9). */
export const errorResponse = (error: ApiError): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(error.envelope, {
    status: error.status,
    headers: error.status === 408 ? { ...error.headers, connection: "close" } : error.headers,
  })
