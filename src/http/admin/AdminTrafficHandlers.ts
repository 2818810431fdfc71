import { Effect, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { handlersOf } from "../RequestContext.ts"
import { Api } from "../../contract/Api.ts"
import { Errors } from "../../contract/Errors.ts"
import { Traffic } from "../../telemetry/Traffic.ts"
import { Closing } from "../connection/NodeServer.ts"
import { errorResponse } from "../ErrorAnswers.ts"
import { makeLiveEvents } from "./LiveEvents.ts"

/** Listeners of `/admin/live` at a time: each is told something every second. */
const mostListeners = 32

/** nginx would collect what it passes on. */
const headers = { "cache-control": "no-store", "x-accel-buffering": "no" }

/** `/admin/requests`, `/admin/history` and `/admin/live`. */
export const AdminTrafficHandlers = handlersOf(
  Api,
  "adminTraffic",
  Effect.fnUntraced(function* (handlers) {
    const traffic = yield* Traffic
    const events = yield* makeLiveEvents
    const closing = yield* Closing
    let listeners = 0

    const live = Effect.gen(function* () {
      if (listeners >= mostListeners) return errorResponse(Errors.overloaded().retryAfter(10_000))
      listeners += 1
      yield* Effect.addFinalizer(() => Effect.sync(() => void (listeners -= 1)))
      // Whoever only listens does not hold up a stop.
      const untilClosing = Stream.interruptWhen(events, closing)
      return HttpServerResponse.stream(untilClosing, { contentType: "text/event-stream", headers })
    })

    return handlers
      .handle("requests", () =>
        Effect.sync(() => ({ underWay: traffic.underWay(), recent: traffic.recent(), codes: traffic.codes() })),
      )
      .handle("history", ({ query }) => Effect.sync(() => traffic.history(query.resolution ?? "10s", query.from)))
      .handle("live", () => live)
  }),
)
