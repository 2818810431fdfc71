import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Context, Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import type { NimEngines } from "./NimEngines.ts"
import { faultRoutes } from "./NimFaultRoutes.ts"
import type { NimFaults } from "./NimFaults.ts"
import { type NimOptions, nimRoutes } from "./NimRoutes.ts"

/** The server cannot listen; `message` says what to do. */
export class NimServerError extends Schema.TaggedError<NimServerError>()("NimServerError", {
  message: Schema.String,
}) {}

/** @property port 0 takes a free one */
export interface NimServerOptions extends NimOptions {
  readonly host: string
  readonly port: number
}

const notListening = ({ host, port }: NimServerOptions, cause: unknown) => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)
  const why = code === "EADDRINUSE" ? "the port is taken. Name another with --port (0 takes a free one)." : code
  return new NimServerError({ message: `Cannot listen on ${host}:${port}: ${why}` })
}

/** A server that speaks the NIM's HTTP protocol, for those without a GPU and for tests. `url` is its base URL. */
export class NimServer extends Context.Service<NimServer, { readonly url: URL }>()("aviary/nim/NimServer") {
  static readonly layer = (
    options: NimServerOptions,
  ): Layer.Layer<NimServer, NimServerError, NimEngines | NimFaults> => {
    const routes = Layer.mergeAll(HttpRouter.addAll(nimRoutes(options)), options.faults ? faultRoutes : Layer.empty)
    return Layer.effect(
      NimServer,
      Effect.map(HttpServer.HttpServer, ({ address }) => ({ url: new URL(HttpServer.formatAddress(address)) })),
    ).pipe(
      Layer.provideMerge(HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true })),
      Layer.provide(
        NodeHttpServer.layer(createServer, {
          host: options.host,
          port: options.port,
          // An engine that is told to stop has nobody to wait for but its gateway, which knows what a cut is.
          gracefulShutdownTimeout: "2 seconds",
        }),
      ),
      Layer.catchTag("ServeError", ({ cause }) => Layer.effect(NimServer, Effect.fail(notListening(options, cause)))),
    )
  }
}
