import { Context } from "effect"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { ApiError } from "../../contract/ApiError.ts"
import { Errors } from "../../contract/Errors.ts"
import { endWith, owedOn } from "./NodeResponse.ts"

/**
 * How many requests may be under way. One takes some 24 KB of V8's heap at least, and a client that pipelines sends hundreds
 * with a single packet.
 *
 * @property onConnection unanswered on one connection; clients that pipeline at all send fewer
 * @property inAll those that are being answered included
 */
export const MostUnderWay = Context.Reference<{ readonly onConnection: number; readonly inAll: number }>(
  "aviary/http/connection/MostUnderWay",
  { defaultValue: () => ({ onConnection: 100, inAll: 10_000 }) },
)

const retryAfter = 5_000
const overloaded = () => Errors.overloaded().retryAfter(retryAfter)

const surplus = new WeakMap<object, () => ApiError>()

/** What a request is told that is one too many; undefined for any other. */
export const surplusFault = (request: object): ApiError | undefined => surplus.get(request)?.()

/**
 * Counts the requests of `server`. What is too many is marked, for its handler to refuse it; where the refusal has to wait behind
 * other answers, it is the last on its connection, so that there is one of them and not one for each request that follows.
 */
export const boundUnderWay = (server: Server, most: (typeof MostUnderWay)["Service"]): void => {
  const tooMany = () => Errors.tooManyPipelined(most.onConnection).retryAfter(retryAfter)
  let underWay = 0
  const over = () => {
    underWay -= 1
    // Once a server has been told to close, Node lets go of idle connections only at that moment. One whose last request ends
    // afterwards would be kept for its next, and the stop would wait out the whole grace period for it.
    if (!server.listening) setImmediate(() => server.closeIdleConnections())
  }
  const begin = (request: IncomingMessage, response: ServerResponse<IncomingMessage>) => {
    underWay += 1
    response.once("close", over)
    const owed = owedOn(request.socket)
    const isFull = underWay > most.inAll
    const isLong = owed > most.onConnection
    if (!isFull && !isLong) return
    surplus.set(request, isLong ? tooMany : overloaded)
    if (owed > 1) endWith(response)
  }
  for (const event of ["request", "checkContinue", "checkExpectation"]) server.on(event, begin)
}
