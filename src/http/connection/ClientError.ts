import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import type { ApiError } from "../../contract/ApiError.ts"
import { Errors } from "../../contract/Errors.ts"
import { callOff, isLingering, linger, lingerAfter, responseOn } from "./NodeResponse.ts"
import { requestId } from "../RequestRecord.ts"

const errorOf = (code: string | undefined): ApiError => {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return Errors.headersTooLarge()
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return Errors.requestTimeout()
    default:
      return Errors.malformedRequest()
  }
}

const headersOf = (body: string) => ({
  "content-type": "application/json",
  "content-length": String(Buffer.byteLength(body)),
  "x-request-id": requestId(undefined),
  connection: "close",
})

const written = (error: ApiError): string => {
  const body = JSON.stringify(error.envelope)
  const headers = Object.entries({ ...headersOf(body), ...error.headers }).map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}`, ...headers, "", body].join("\r\n")
}

/**
 * Takes `socket` away from a response that has not begun, so that nothing is answered twice. Its handler is interrupted at
 * once, unless it is reading the body: ending that read would close the socket under the answer.
 */
const abandon = (response: ServerResponse, socket: Socket): void => {
  if (response.destroyed || response.headersSent) return
  response.detachSocket(socket)
  response.destroy()
  if (response.req.complete) response.emit("close")
  else socket.once("close", () => response.emit("close"))
}

/** Whether the last answer that is owed on a connection is still to leave, or some of it. */
const isOwed = (response: ServerResponse | undefined): boolean =>
  response !== undefined && !response.writableFinished && !response.destroyed

/** Requests on `socket` cannot be told apart any more, or will not be read: this answer is the last on it. */
const answer = (socket: Socket, error: ApiError): void => {
  socket.write(written(error))
  linger(socket)
}

/**
 * Answers in the envelope what never becomes a request (bytes that are not HTTP, headers too large or too slow, `CONNECT`,
 * expectations), as far as nothing else is being written on the connection; then closes it, as Node does without this.
 */
export const answerClientErrors = (server: Server): void => {
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    // Node's clock for whole requests runs on for one that was answered already.
    if (isLingering(socket)) return
    const response = responseOn(socket)
    // What follows a request that said that it is the last is none (RFC 9112, 9.6): its answer, and those before it, still leave.
    if (error.code === "HPE_CLOSED_CONNECTION") return void (response !== undefined && lingerAfter(response))
    // The error is about the request last seen if that is still being received, however far its answer is.
    const answered = response?.headersSent === true && !(response.writableFinished && response.req.complete)
    // One that is owed and has not the socket waits for others, before or into which this answer would come.
    const isBehind = isOwed(response) && response?.socket !== socket
    if (!socket.writable || answered || isBehind || error.code === "ECONNRESET") return void socket.destroy()
    if (response !== undefined) abandon(response, socket)
    answer(socket, errorOf(error.code))
  })
  server.on("connect", (request: IncomingMessage) => {
    // Not the stream that comes with the event, which is no socket where the tunnel has a body.
    const { socket, url = "" } = request
    if (!socket.writable || isOwed(responseOn(socket))) callOff(socket)
    else answer(socket, Errors.unknownUrl("CONNECT", url))
  })
  server.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) => {
    const error = Errors.expectationFailed()
    const body = JSON.stringify(error.envelope)
    response.writeHead(error.status, headersOf(body)).end(body)
  })
}
