import { HttpServerResponse } from "effect/http"
import type { ApiError } from "../contract/ApiError.ts"

/**
 * What belongs to a status or a code. After a 408 the rest of the request may still come, and after one without a clear host
 * nobody knows whose the next is: the connection is over (RFC 9110, 15.5.9, 15.5.2; RFC 9112, 11.2).
 */
const headersOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  401: { "www-authenticate": 'Bearer realm="aviary"' },
  408: { connection: "close" },
  invalid_host: { connection: "close" },
}

/** `error` on the wire. */
export const errorResponse = (error: ApiError): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(error.envelope, {
    status: error.status,
    headers: { ...error.headers, ...headersOf[error.status], ...headersOf[error.code] },
  })
