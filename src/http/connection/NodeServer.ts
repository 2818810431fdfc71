import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Deferred, Duration, Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import { createServer, type Server } from "node:http"
import { answerClientErrors } from "./ClientError.ts"
import { answerHalfClosed } from "./HalfClosed.ts"
import { NodeResponse } from "./NodeResponse.ts"
import { Settings } from "../../Settings.ts"
import { cutStalledReaders } from "../StalledReaders.ts"
import { boundUnderWay, MostUnderWay } from "./UnderWay.ts"

/** Ends when the server begins to close: for answers that would never end by themselves. Without a server of ours it never does. */
export const Closing = Context.Reference<Effect.Effect<void>>("aviary/http/connection/Closing", {
  defaultValue: () => Effect.never,
})

/** What ends the grace period of a stop before its time; nothing unless it is provided. */
export const Hurry = Context.Reference<Effect.Effect<void>>("aviary/http/connection/NodeServer/Hurry", {
  defaultValue: () => Effect.never,
})

/** Accepts no more, and waits until the last connection is gone. */
const closed = (server: Server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))

/**
 * The Node server of `AVIARY_HOST` and `AVIARY_PORT`, with its clocks. When its layer ends, requests are given the grace
 * period of the settings, as far as nobody is in a hurry; then whatever is still connected is cut.
 */
export const layer = Layer.merge(
  Layer.effectContext(
    Effect.gen(function* () {
      const { host, port, readerTimeout, uploadTimeout, shutdownGrace } = yield* Settings
      const bodyTime = Math.max(1, Duration.toMillis(uploadTimeout))
      const server = createServer({
        ServerResponse: NodeResponse,
        // The front door says it better.
        requireHostHeader: false,
        // Nothing here upgrades, so a client that offers to (Java's do, to HTTP/2) is answered as any other.
        shouldUpgradeCallback: () => false,
        // Slow headers hold a socket for nothing. Bodies that a handler reads itself have a clock there as well.
        headersTimeout: Math.min(15_000, bodyTime),
        requestTimeout: bodyTime,
        connectionsCheckingInterval: Math.min(5_000, Math.max(50, bodyTime / 4)),
        // A proxy in front must be the first to drop an idle connection; the usual ones do so after 60 seconds.
        keepAliveTimeout: 65_000,
        maxHeaderSize: 16_384,
      })
      answerClientErrors(server)
      yield* answerHalfClosed(server)
      yield* cutStalledReaders(server, readerTimeout)
      boundUnderWay(server, yield* MostUnderWay)
      const hurry = yield* Hurry
      const { address, serve } = yield* NodeHttpServer.make(() => server, {
        host,
        port,
        disablePreemptiveShutdown: true,
      })
      const drained = closed(server).pipe(Effect.raceFirst(Effect.sleep(shutdownGrace)), Effect.raceFirst(hurry))
      // Runs after the grace period and before the wait for the last connection, which Node bounds by nothing once it
      // closes: a client that only connects would keep the gateway from stopping.
      yield* Effect.addFinalizer(() => Effect.sync(() => server.closeAllConnections()))
      const closing = yield* Deferred.make<void>()
      const listening = HttpServer.make({
        address,
        serve: (app, middleware) =>
          Effect.andThen(
            middleware === undefined ? serve(app) : serve(app, middleware),
            // Added last, so it runs before the requests are interrupted.
            Effect.addFinalizer(() => Effect.andThen(Deferred.succeed(closing, undefined), drained)),
          ),
      })
      return Context.make(HttpServer.HttpServer, listening).pipe(Context.add(Closing, Deferred.await(closing)))
    }),
  ),
  NodeHttpServer.layerHttpServices,
)
