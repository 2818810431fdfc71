import { Effect, Layer, Option, Schedule, Schema, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { networkInterfaces } from "node:os"
import { AtomicCache } from "../cache/AtomicCache.ts"
import { CacheKey } from "../cache/CacheKey.ts"
import { Flights } from "../cache/Flights.ts"
import { Sharing } from "../cache/Sharing.ts"
import { Errors } from "../contract/Errors.ts"
import { peerPath } from "../upstream/PeerFlight.ts"
import { encodeFrame } from "../upstream/PeerFrames.ts"
import { errorResponse } from "./ErrorAnswers.ts"

/** The first address at which another machine may reach this one. */
const ownAddress = () =>
  Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.1"

/** Where others reach a server that listens at `address`; undefined where it has no port. */
const reachedAt = (address: string): string | undefined => {
  const url = URL.parse(address)
  if (url === null || !url.protocol.startsWith("http") || url.hostname === "") return undefined
  if (url.hostname === "0.0.0.0" || url.hostname === "[::]") url.hostname = ownAddress()
  return url.href
}

/** What this gateway makes or has of a key, for another gateway: a flight from its beginning, or the entry. */
const makeFrames = (flights: Flights["Service"], cache: AtomicCache["Service"]) =>
  Effect.fnUntraced(function* (key: CacheKey) {
    const flight = yield* flights.follow(key)
    if (Option.isSome(flight)) {
      const { bytes, made, total } = flight.value
      const beat = Stream.fromEffectSchedule(
        Effect.sync(() => encodeFrame({ _tag: "total", total: total() })),
        Schedule.spaced("1 second"),
      )
      const end = Stream.suspend(() => Stream.succeed(encodeFrame({ _tag: "end", ...made() })))
      const frames = Stream.concat(
        Stream.map(bytes, (chunk) => encodeFrame({ _tag: "bytes", bytes: chunk })),
        end,
      )
      return Option.some(Stream.merge(frames, beat, { haltStrategy: "left" }))
    }
    const found = yield* cache.get(key)
    return Option.map(found, ({ bytes, metadata: { durationMs, length } }) =>
      Stream.succeed(encodeFrame({ _tag: "total", total: length })).pipe(
        Stream.concat(Stream.map(bytes(), (chunk) => encodeFrame({ _tag: "bytes", bytes: chunk }))),
        Stream.concat(Stream.succeed(encodeFrame({ _tag: "end", durationMs, head: undefined }))),
      ),
    )
  })

/**
 * `GET /internal/flights/{key}`: for other gateways on the same database alone, which sign their requests. To anybody else it is a path
 * that is not there.
 */
export const layer = Layer.unwrap(
  Effect.gen(function* () {
    const sharing = yield* Sharing
    const flights = yield* Effect.serviceOption(Flights)
    if (Option.isNone(flights)) return Layer.empty
    const framesOf = makeFrames(flights.value, yield* AtomicCache)
    const server = yield* Effect.serviceOption(HttpServer.HttpServer)
    const url = Option.isSome(server) ? reachedAt(HttpServer.formatAddress(server.value.address)) : undefined
    if (url !== undefined) yield* sharing.listening(url)

    const answer = Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const { key } = yield* HttpRouter.params
      const absent = errorResponse(Errors.unknownUrl("GET", request.url))
      if (!Schema.is(CacheKey)(key) || !(yield* sharing.admits(key, request.headers["authorization"]))) return absent
      const frames = yield* framesOf(key)
      if (Option.isNone(frames)) return absent
      return HttpServerResponse.stream(frames.value, {
        contentType: "application/octet-stream",
        headers: { "cache-control": "no-store" },
      })
    })
    return HttpRouter.add("GET", peerPath(":key") as HttpRouter.PathInput, answer)
  }),
)
