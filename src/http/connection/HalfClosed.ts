import { Effect, FiberSet } from "effect"
import type { Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { responseAtTurn } from "./NodeResponse.ts"

/** When a client that has closed its half is asked whether it is still there, in milliseconds from the time before. */
const pauses = [0, 200, 600]

/** One that was there then may still leave: it is asked twice as late each time, and at least so often, in milliseconds. */
const longestPause = 10_000

/** How long one that cannot be asked is waited for. */
const longestSilence = "500 millis"

const isOver = (response: ServerResponse): boolean => response.destroyed || response.writableFinished

/**
 * Asks until the answer begins; tells whether the client took the questions. They are `100 Continue`, which every client of HTTP/1.1 expects
 * at any time before its answer; one that has gone resets the connection at the first, and the next one closes it.
 */
const answersQuestions = Effect.fnUntraced(function* (response: ServerResponse) {
  let pause = 0
  for (let asked = 0; ; asked++) {
    pause = pauses[asked] ?? Math.min(pause * 2, longestPause)
    yield* Effect.sleep(pause)
    if (response.headersSent || isOver(response)) return asked > 1
    response.writeContinue()
  }
})

/** Ends when the response does, or when nothing was written for as long as a client is waited for. */
const silence = Effect.fnUntraced(function* (response: ServerResponse, socket: Socket) {
  for (let written = -1; !isOver(response); written = socket.bytesWritten) {
    // What the client is slow to take is the business of whoever watches for stalled readers.
    if (socket.writableLength === 0 && socket.bytesWritten === written) return
    yield* Effect.sleep(longestSilence)
  }
})

const wait = Effect.fnUntraced(function* (response: ServerResponse, socket: Socket) {
  if (response.req.httpVersion === "1.1" && (yield* answersQuestions(response))) return
  yield* silence(response, socket)
  if (!isOver(response)) socket.destroy()
})

const over = (response: ServerResponse) =>
  Effect.callback<void>((resume) => {
    if (response.closed) resume(Effect.void)
    else response.once("close", () => resume(Effect.void))
  })

/** Of several on a connection each is watched at its turn. */
const watch = Effect.fnUntraced(function* (socket: Socket) {
  for (let response = responseAtTurn(socket); response !== undefined; response = responseAtTurn(socket)) {
    if (!isOver(response)) yield* wait(response, socket)
    yield* over(response)
    if (socket.destroyed) return
  }
})

/**
 * Answers clients that close their half of the connection once they have asked. From a client that left altogether that
 * looks the same until something is written to it, and an engine is not to work for nobody: so who has closed is asked, and
 * who cannot be asked, for HTTP/1.0 or in mid-answer, is taken for gone after half a second in which nothing was written.
 */
export const answerHalfClosed = Effect.fnUntraced(function* (server: Server) {
  const run = yield* FiberSet.makeRuntime()
  // Node ends its own half otherwise, and with it the answer.
  Object.assign(server, { httpAllowHalfOpen: true })
  server.on("connection", (socket) => {
    socket.once("end", () => {
      if (responseAtTurn(socket) !== undefined) run(watch(socket))
    })
  })
})
