import { type IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { linger } from "./Linger.ts"

const latest = new WeakMap<Socket, ServerResponse>()

/** The response to the request that came last on `socket`. */
export const responseOn = (socket: Socket): ServerResponse | undefined => latest.get(socket)

/** Node's response, but for two of its endings. It is what the server answers with, so they hold for whoever answers. */
export class NodeResponse extends ServerResponse {
  constructor(...made: ConstructorParameters<typeof ServerResponse>) {
    super(...made)
    latest.set(this.req.socket, this)
  }

  /**
   * An answer that begins while its request is still arriving is the connection's last, and says so: what follows on the
   * connection is a rest that nobody reads, not a request.
   */
  override writeHead(...head: ReadonlyArray<unknown>): this {
    if (hasRest(this.req)) {
      this.shouldKeepAlive = false
      this.once("prefinish", () => lingersIfUnread(this))
    }
    if (this.req.httpVersion === "1.0") resetsUnlessWhole(this, this.req.socket)
    return Reflect.apply(super.writeHead, this, head)
  }
}

/** Whether more of `request` may come. The parser knows that one without a body is over only after it was handled. */
export const hasRest = (request: IncomingMessage): boolean =>
  !request.complete &&
  (request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0)

const lingersIfUnread = (response: ServerResponse<IncomingMessage>): void => {
  if (!hasRest(response.req)) return
  // Told that it is the last, Node would close at once, and Effect's adapter after half a second.
  Object.assign(response, { _last: false })
  response.once("finish", () => linger(response.req.socket))
}

/**
 * Where nothing but the close says that a body is over, which is HTTP/1.0, one that was broken off looks like a whole one
 * however it is closed, unless it is reset. That is whatever closes the socket: a failed stream, a reader that stalls, a stop.
 */
const resetsUnlessWhole = (response: ServerResponse, socket: Socket): void => {
  const { destroy } = socket
  socket.destroy = (error) => {
    socket.destroy = destroy
    return response.writableFinished ? socket.destroy(error) : socket.resetAndDestroy()
  }
}
