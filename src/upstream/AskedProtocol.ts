import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import type { Settings } from "../Settings.ts"
import type { EngineAddress, EngineProtocol } from "./EngineAddress.ts"
import { errorOf } from "./EngineError.ts"
import type { EngineFailure } from "./EngineFailure.ts"
import { isText, makeEngineHttp } from "./EngineHttp.ts"
import type { EngineKind } from "./EngineKind.ts"

/** How long the gateway's start waits for a server to say what it speaks. One that is not there yet is asked by the first call. */
const patience = "2 seconds"

/**
 * Which protocol the server at an address speaks.
 *
 * - `found`: as far as it is known.
 * - `decide`: asks where it is not; what was found stays. Fails as a call to that server would.
 * - `settle`: the same for a start, which waits for nobody, with what `then` has to learn of the server.
 */
export interface AskedProtocol {
  readonly found: () => EngineProtocol | undefined
  readonly decide: Effect.Effect<EngineProtocol, EngineFailure>
  readonly settle: (then: (protocol: EngineProtocol) => Effect.Effect<void>) => Effect.Effect<void>
}

/** See `AskedProtocol`. */
export const askProtocol = Effect.fnUntraced(function* (address: EngineAddress, settings: Settings["Service"]) {
  const http = yield* makeEngineHttp(address.url, settings, address.key)
  const clocks = {
    firstByte: settings.connectTimeout,
    idle: settings.connectTimeout,
    total: settings.connectTimeout,
  }
  let found = address.protocol === "auto" ? undefined : address.protocol

  // Every NIM has this route, from its first second on (503 while it loads), and nobody else has. A web page there is no NIM's.
  const ask = http.call(HttpClientRequest.get("/v1/health/ready"), clocks).pipe(
    Effect.map((answer): EngineProtocol => (answer.mediaType === "text/html" && isText(answer) ? "openai" : "nim")),
    Effect.catchTags({
      EngineLoading: () => Effect.succeed<EngineProtocol>("nim"),
      EngineRejected: (rejected) =>
        [400, 404, 405, 501].includes(rejected.status)
          ? Effect.succeed<EngineProtocol>("openai")
          : Effect.fail(rejected),
    }),
    Effect.scoped,
    Effect.tap((protocol) =>
      Effect.sync(() => {
        found = protocol
      }),
    ),
  )

  const decide = Effect.suspend(() => (found === undefined ? ask : Effect.succeed(found)))
  return {
    found: () => found,
    decide,
    settle: (then) => Effect.flatMap(decide, then).pipe(Effect.timeoutOption(patience), Effect.ignore),
  } satisfies AskedProtocol
})

/**
 * Of two clients of the server at an address the one for the protocol that it speaks.
 *
 * - `protocol`: what is spoken, as far as it is known.
 * - `known`: the client as far as it is known: a server that is to be asked, and has not been reached, passes for a NIM.
 * - `client`: the one to make a call with, for which the server is asked where that is not known.
 */
export const inItsProtocol = Effect.fnUntraced(function* <
  Nim,
  OpenAi extends { readonly learned: Effect.Effect<void> },
>(
  kind: EngineKind,
  address: EngineAddress,
  settings: Settings["Service"],
  clients: { readonly nim: Nim; readonly openai: OpenAi },
) {
  const { decide, found, settle } = yield* askProtocol(address, settings)
  yield* settle((protocol) => (protocol === "openai" ? clients.openai.learned : Effect.void))
  return {
    protocol: found,
    known: (): Nim | OpenAi => clients[found() ?? "nim"],
    client: Effect.map(Effect.mapError(decide, errorOf(kind)), (protocol): Nim | OpenAi => clients[protocol]),
  }
})
