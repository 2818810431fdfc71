import { HttpServerResponse } from "effect/http"
import type { ApiError } from "../contract/ApiError.ts"

/** What belongs to a status: after a 408 the rest of the request may still come, so the connection is over (RFC 9110, 15.5.9, 15.5.2). */
const headersOf: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  401: { "www-authenticate": 'Bearer realm="aviary"' },
  408: { connection: "close" },
}

/** `error` on the wire. */
export const errorResponse = (error: ApiError): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(error.envelope, {
    status: error.status,
    headers: { ...error.headers, ...headersOf[error.status] },
  })
