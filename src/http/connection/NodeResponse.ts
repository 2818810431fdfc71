import { type IncomingMessage, ServerResponse } from "node:http"
import { Socket } from "node:net"

/**
 * How long a client may go on sending.
 *
 * @property untilEnd silence in milliseconds after which the client is told that nothing more comes; some wait for that
 * @property longestSilence in milliseconds
 * @property longestTime in milliseconds
 * @property mostBytes read and dropped
 */
export interface Patience {
  readonly untilEnd: number
  readonly longestSilence: number
  readonly longestTime: number
  readonly mostBytes: number
}

/** Times as nginx's `lingering_timeout` and `lingering_time`; bytes as ten uploads of the largest usual kind. */
const usual: Patience = { untilEnd: 500, longestSilence: 5_000, longestTime: 30_000, mostBytes: 256 * 1024 * 1024 }

const lingering = new WeakSet<Socket>()

/** Connections that end with an answer that is still to leave. */
const ending = new WeakSet<Socket>()

/** Whether what still comes on `socket` is dropped unread. */
export const isLingering = (socket: Socket): boolean => lingering.has(socket) || ending.has(socket)

/**
 * Closes a connection whose client may still be sending what nobody will read. A socket that is closed with bytes unread,
 * or that bytes come to after it was closed, is reset, and a reset takes the answer along that the client has not read yet:
 * it sees a broken pipe in place of a 413, and sends everything again. So what comes is dropped, no longer parsed, until
 * the client has closed, is silent, or goes on for too long. There is no FIN while bytes come: Node's own clients take one
 * in mid-upload for a failure.
 */
export const linger = (socket: Socket, patience = usual): void => {
  if (socket.destroyed || lingering.has(socket)) return
  lingering.add(socket)
  const until = performance.now() + patience.longestTime
  let left = patience.mostBytes
  // The HTTP server's own: its parser would take the next request, and its clock and its end of input close without waiting.
  for (const event of ["data", "end", "timeout"]) socket.removeAllListeners(event)
  socket.on("data", (bytes: Buffer) => {
    left -= bytes.length
    if (left < 0 || performance.now() > until) socket.destroy()
  })
  socket.on("end", () => socket.destroySoon())
  socket.on("error", () => socket.destroy())
  socket.on("timeout", () => {
    if (socket.writable) {
      socket.end()
      socket.setTimeout(patience.longestSilence - patience.untilEnd)
    } else {
      socket.destroy()
    }
  })
  socket.setTimeout(patience.untilEnd)
  // While the parser had the socket it left no read pending that `resume` would know of.
  socket.push("")
  socket.resume()
}

/** On a socket: every request sets it, and takes it off once nothing can come that is about it. */
const latest = Symbol("the latest response")

/** On a response: the one that waits for it, so that whoever has the socket leads to all that are owed on it. */
const behind = Symbol("the response behind")

/** On a response: its number among those of its connection since nothing was owed there. */
const place = Symbol("the place in line")

/** On a socket: the response whose turn it is, the first that is still owed. */
const atTurn = Symbol("the response at its turn")

type Marked = Socket & { [latest]?: NodeResponse | undefined; [atTurn]?: NodeResponse | undefined }

/** The response to the request that came last on `socket`, unless it is out and all of the request was received. */
export const responseOn = (socket: Socket): ServerResponse | undefined => (socket as Marked)[latest]

/** The response that is being written on `socket`, or is the next to be. */
export const responseAtTurn = (socket: Socket): ServerResponse | undefined => (socket as Marked)[atTurn]

/** How many responses are owed on `socket`. */
export const owedOn = (socket: Socket): number => {
  const { [atTurn]: first, [latest]: last } = socket as Marked
  return first === undefined || last === undefined ? 0 : last[place] - first[place] + 1
}

/** Ends every response that is owed on `socket`, from the one at its turn on. */
const callOffBehind = (socket: Socket): void => {
  const marked: Marked = socket
  for (let owed = marked[atTurn]; owed !== undefined; owed = owed[behind]) owed.destroy()
  marked[atTurn] = undefined
}

/**
 * Closes `socket` and ends every response that is owed on it. Node does the latter itself, but not once it has let go of the socket: of
 * several responses it ends the first one then.
 */
export const callOff = (socket: Socket): void => {
  callOffBehind(socket)
  socket.destroy()
}

/**
 * Resets `socket`. One that is ending is closed: the system refuses to reset it (EINVAL), and Node then neither frees it nor tells of
 * its close, so that whatever runs for it goes on.
 */
export const reset = (socket: Socket): Socket =>
  socket.writableEnded && socket.writableLength === 0 ? socket.destroy() : socket.resetAndDestroy()

const untold = () => {}

/** Node's response, but for two of its endings, and for what stops the reading. It is what the server answers with, so they hold for whoever answers. */
export class NodeResponse extends ServerResponse {
  [behind]: NodeResponse | undefined;
  [place] = 1

  constructor(...made: ConstructorParameters<typeof ServerResponse>) {
    super(...made)
    const marked = this.req.socket as Marked
    const before = marked[latest]
    if (before !== undefined) {
      this[place] = before[place] + 1
      if (!before.writableFinished) before[behind] = this
    }
    marked[latest] = this
  }

  /**
   * Where Node is told how much waits behind another answer. It would no longer read from the socket after 64 KB, and a socket that is
   * not read from does not tell that the client has left; how many wait is bounded in `UnderWay.ts`.
   */
  get _onPendingData(): () => void {
    return untold
  }

  set _onPendingData(_: unknown) {
    // Node sets it for every response.
  }

  /** Whether the connection ends with it; Node knows once the head is written. */
  private get isLast(): boolean {
    const { _last: isLast } = this as { readonly _last?: boolean }
    return isLast === true
  }

  override assignSocket(socket: Socket): void {
    ;(socket as Marked)[atTurn] = this
    super.assignSocket(socket)
  }

  /**
   * Where a connection is kept, or its socket is still to be collected, whatever the answer was made by would be kept with it: 60 KB of a speech.
   * Young sockets outlive a collection of the young, so all of it grew old.
   */
  override detachSocket(socket: Socket): void {
    super.detachSocket(socket)
    const marked: Marked = socket
    marked[atTurn] = this[behind]
    // Node closes the connection next, and loses what is behind where one more request comes before it has closed.
    if (this.isLast) callOffBehind(socket)
    if (marked[latest] === this && this.writableFinished && this.req.complete) marked[latest] = undefined
  }

  /**
   * An answer that begins while its request is still arriving is the connection's last, and says so: what follows on the
   * connection is a rest that nobody reads, not a request.
   */
  override writeHead(...head: ReadonlyArray<unknown>): this {
    if (hasRest(this.req)) {
      this.shouldKeepAlive = false
      this.once("prefinish", () => lingersIfUnread(this))
      // Unread it would keep the socket from being read, and so from telling that the client has left, until its turn.
      if (this.socket === null) this.req.resume()
    }
    if (this.req.httpVersion === "1.0") resetsUnlessWhole(this.req.socket)
    return Reflect.apply(super.writeHead, this, head)
  }
}

/** Whether more of `request` may come. The parser knows that one without a body is over only after it was handled. */
export const hasRest = (request: IncomingMessage): boolean =>
  !request.complete &&
  (request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0)

const lingersIfUnread = (response: ServerResponse<IncomingMessage>): void => {
  if (hasRest(response.req)) lingersAtEnd(response)
}

/** Told that it is the last, Node would close at once, and Effect's adapter after half a second. */
const lingersAtEnd = (response: ServerResponse<IncomingMessage>): void => {
  Object.assign(response, { _last: false })
  response.once("finish", () => linger(response.req.socket))
}

const followed = new WeakSet<ServerResponse>()

/** The last answer of a connection on which more comes that is no request: its client, too, has the whole of it. */
export const lingerAfter = (response: ServerResponse<IncomingMessage>): void => {
  if (followed.has(response) || response.writableFinished) return
  followed.add(response)
  // Node marks it as the last when it writes the head.
  if (response.headersSent) lingersAtEnd(response)
  else response.once("prefinish", () => lingersAtEnd(response))
}

/** What a parser does with a request instead of handing it on: 2 has it stop there, as before a tunnel, which nothing here is. */
const takeNone = (request: IncomingMessage): number => {
  Object.assign(request, { upgrade: false })
  return 2
}

/**
 * Makes `response` the last of its connection, and has it say so. What is owed before it still leaves. What comes behind it is no request,
 * also where it came in the same packet and is parsed next; it is read all the same, since a client that leaves shows only there.
 */
export const endWith = (response: ServerResponse<IncomingMessage>): void => {
  const { socket } = response.req
  const { parser } = socket as { readonly parser?: { onIncoming: (request: IncomingMessage) => number } | null }
  ending.add(socket)
  if (parser) parser.onIncoming = takeNone
  response.shouldKeepAlive = false
  lingerAfter(response)
}

/**
 * Where nothing but the close says that a body is over, which is HTTP/1.0, one that was broken off looks like a whole one
 * however it is closed, unless it is reset. That is whatever closes the socket: a failed stream, a reader that stalls, a stop.
 */
const resetsUnlessWhole = (socket: Socket): void => {
  socket.destroy = destroyOrReset
}

/** One for all: a connection of HTTP/1.0 may be kept for any number of answers, and V8 makes a function old that is assigned to a property. */
function destroyOrReset(this: Socket, error?: Error): Socket {
  this.destroy = Socket.prototype.destroy
  const response = responseAtTurn(this)
  const isBroken = response?.socket === this && response.headersSent && !response.writableFinished
  return isBroken ? reset(this) : this.destroy(error)
}
