import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import type { ApiError } from "../contract/ApiError.ts"
import { Errors } from "../contract/Errors.ts"
import { requestId } from "./RequestId.ts"

const told = (code: string | undefined): ApiError => {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return Errors.headersTooLarge()
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return Errors.requestTimeout()
    default:
      return Errors.malformedRequest()
  }
}

const reasons: { readonly [status: number]: string } = {
  400: "Bad Request",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
}

const written = (error: ApiError): string => {
  const body = JSON.stringify(error.envelope)
  return [
    `HTTP/1.1 ${error.status} ${reasons[error.status]}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId(undefined)}`,
    "connection: close",
    "",
    body,
  ].join("\r\n")
}

/**
 * Answers what never becomes a request (bytes that are not HTTP, headers too large or too slow) in the envelope, as far as
 * nothing else is being written on the connection; then closes it, as Node does without this.
 */
export const answerClientErrors = (server: Server): void => {
  const current = new WeakMap<Socket, ServerResponse>()
  const remember = (request: IncomingMessage, response: ServerResponse) => void current.set(request.socket, response)
  server.prependListener("request", remember)
  server.prependListener("checkContinue", remember)
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const response = current.get(socket)
    const midAnswer = response !== undefined && response.headersSent && !response.writableFinished
    if (!socket.writable || midAnswer || error.code === "ECONNRESET") return void socket.destroy()
    socket.end(written(told(error.code)), () => socket.destroySoon())
  })
}
