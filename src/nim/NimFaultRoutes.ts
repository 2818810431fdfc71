import { Effect, Option, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { NimFault } from "./NimFault.ts"
import { NimFaults } from "./NimFaults.ts"

const loopback = /^(127\.|::1$|::ffff:127\.)/

const decodeFaults = HttpServerRequest.schemaBodyJson(Schema.Array(NimFault))
const decodeRestart = HttpServerRequest.schemaBodyJson(Schema.Struct({ loadingMillis: Schema.optionalKey(Schema.Int) }))

/** What was wrong with a body, and what one looks like. */
const refusal = (error: unknown): string =>
  `${error instanceof Error ? error.message.replace(/\s+/g, " ") : String(error)}. POST /faults takes a JSON list such as [{"kind":"wedge","text":"poison"}], POST /faults/restart an object such as {"loadingMillis":5000}; docs/nim.md lists the kinds.`

/** Answers only who sits on this machine: a fault is a way to stop the engine. */
const local = <E, R>(answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  HttpServerRequest.HttpServerRequest.pipe(
    Effect.flatMap(({ remoteAddress }) =>
      loopback.test(Option.getOrElse(remoteAddress, () => ""))
        ? answer
        : Effect.succeed(HttpServerResponse.jsonUnsafe({ detail: "Loopback only" }, { status: 403 })),
    ),
    Effect.catch((error) => Effect.succeed(HttpServerResponse.jsonUnsafe({ detail: refusal(error) }, { status: 400 }))),
  )

const done = HttpServerResponse.empty()

/**
 * The switchboard: `POST /faults` takes a list of `NimFault` in place of those before, `GET` shows what is left of them,
 * `DELETE` clears them, `POST /faults/restart` with `{"loadingMillis": n}` restarts the engine, `GET /faults/calls`
 * says what was asked so far.
 */
export const faultRoutes = HttpRouter.addAll(
  Effect.map(NimFaults, (faults) => [
    HttpRouter.route(
      "POST",
      "/faults",
      local(
        Effect.as(
          Effect.flatMap(decodeFaults, (list) => faults.set(list)),
          done,
        ),
      ),
    ),
    HttpRouter.route("GET", "/faults", local(Effect.flatMap(faults.list, HttpServerResponse.json))),
    HttpRouter.route("DELETE", "/faults", local(Effect.as(faults.set([]), done))),
    HttpRouter.route(
      "POST",
      "/faults/restart",
      local(
        Effect.as(
          Effect.flatMap(decodeRestart, ({ loadingMillis = 0 }) => faults.restart(loadingMillis)),
          done,
        ),
      ),
    ),
    HttpRouter.route("GET", "/faults/calls", local(Effect.flatMap(faults.calls, HttpServerResponse.json))),
  ]),
)
