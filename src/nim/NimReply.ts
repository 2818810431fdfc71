import type { ServerResponse } from "node:http"
import { Clock, Effect, Schema, Stream } from "effect"
import { HttpBody, HttpServerResponse } from "effect/http"
import { cudaBody, type NimFault } from "./NimFault.ts"
import type { NimFaults } from "./NimFaults.ts"

/** A request that the NIM refuses, in FastAPI's shape: `detail` is text, or a list of issues. */
export class NimRefusal extends Schema.TaggedError<NimRefusal>()("NimRefusal", {
  status: Schema.Int,
  detail: Schema.Unknown,
}) {}

/** An answer before faults have had their way with it. `length` in bytes where the whole is known. */
export interface NimReply {
  readonly contentType: string | undefined
  readonly length: number | undefined
  readonly body: Stream.Stream<Uint8Array, unknown>
}

const realTime = Clock.Clock.defaultValue()

/** Waits in real time, whatever clock the program runs on: the engine is no part of the program. */
export const pause = (millis: number): Effect.Effect<void> =>
  Effect.provideService(Effect.sleep(millis), Clock.Clock, realTime)

const destroy = (response: ServerResponse, reset: boolean) =>
  // What was written gets a moment to leave: destroying throws away what the kernel has not taken.
  pause(20).pipe(
    Effect.andThen(Effect.sync(() => void (reset ? response.socket?.resetAndDestroy() : response.socket?.destroy()))),
    Effect.andThen(Effect.never),
  )

const find = <K extends NimFault["kind"]>(faults: ReadonlyArray<NimFault>, kind: K) =>
  faults.find((fault): fault is Extract<NimFault, { kind: K }> => fault.kind === kind)

const text = (body: string, contentType: string, status: number) =>
  HttpServerResponse.text(body, { contentType, status })

const mislabelled = {
  html: text("<!doctype html><html><head><title>502 Bad Gateway</title></head><body></body></html>", "text/html", 200),
  json: text(`{"error":{"message":"the synthesis failed"}}`, "application/json", 200),
}

/** The faults that leave nothing of the answer; without one of them, undefined. */
export const replaced = (
  faults: ReadonlyArray<NimFault>,
  response: ServerResponse,
): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
  const [cut, hang, wedge] = [find(faults, "cut"), find(faults, "hang"), find(faults, "wedge")]
  if (hang !== undefined && hang.afterBytes === undefined) return Effect.never
  if (cut?.afterBytes === 0) return destroy(response, cut.reset ?? false)
  if (find(faults, "badStatusLine") !== undefined) {
    return Effect.sync(
      () => void response.socket?.write("HTTP/1.1 \u0000\u0000 OK\r\ncontent-length: 2\r\n\r\nok"),
    ).pipe(Effect.andThen(destroy(response, false)))
  }
  if (find(faults, "loading") !== undefined)
    return Effect.succeed(HttpServerResponse.jsonUnsafe({ detail: "NIM is still initializing" }, { status: 503 }))
  if (wedge !== undefined) return Effect.succeed(text(cudaBody, "application/json", wedge.status ?? 500))
  const reject = find(faults, "reject")
  if (reject !== undefined) return Effect.succeed(text(reject.body ?? cudaBody, "application/json", reject.status))
  const mislabel = find(faults, "mislabel")
  return mislabel === undefined ? undefined : Effect.succeed(mislabelled[mislabel.as])
}

const oddPiece = 1_023

const pieces = (bytes: Uint8Array) =>
  Array.from({ length: Math.ceil(bytes.length / oddPiece) }, (_, i) => bytes.subarray(i * oddPiece, (i + 1) * oddPiece))

/** The first `limit` bytes of `body`, then `after`. */
const upTo = (body: NimReply["body"], limit: number, after: Effect.Effect<void>): NimReply["body"] =>
  Stream.suspend(() => {
    let left = limit
    return body.pipe(
      Stream.map((bytes) => {
        const taken = bytes.subarray(0, left)
        left -= taken.length
        return taken
      }),
      Stream.takeUntil(() => left === 0),
      Stream.filter((bytes) => bytes.length > 0),
      Stream.concat(Stream.fromEffectDrain(after)),
    )
  })

const spoilt = (body: NimReply["body"], faults: ReadonlyArray<NimFault>, response: ServerResponse): NimReply["body"] =>
  faults.reduce<NimReply["body"]>((so, fault) => {
    switch (fault.kind) {
      case "oddChunks":
        return Stream.mapArray(so, (many) => many.flatMap(pieces) as unknown as typeof many)
      case "slow":
        return Stream.tap(so, () => pause(fault.millis))
      case "shorten":
        return upTo(so, fault.afterBytes, Effect.void)
      case "hang":
        return upTo(so, fault.afterBytes ?? 0, Effect.never)
      case "cut":
        return upTo(so, fault.afterBytes, destroy(response, fault.reset ?? false))
      default:
        return so
    }
  }, body)

/** `reply` as it leaves the server, with what the faults make of its body. */
export const sent = (
  reply: NimReply,
  faults: ReadonlyArray<NimFault>,
  response: ServerResponse,
  log: NimFaults["Service"],
): HttpServerResponse.HttpServerResponse => {
  let first = true
  const body = Stream.tap(spoilt(reply.body, faults, response), () => {
    if (!first) return Effect.void
    first = false
    return log.firstByte
  })
  const closeDelimited = find(faults, "closeDelimited") !== undefined
  if (closeDelimited) {
    response.useChunkedEncodingByDefault = false
    response.shouldKeepAlive = false
  }
  // An answer that ends early, yet properly, cannot have announced its length.
  const length = closeDelimited || find(faults, "shorten") !== undefined ? undefined : reply.length
  const answer = HttpServerResponse.setBody(
    HttpServerResponse.empty({ status: 200 }),
    HttpBody.stream(body, reply.contentType ?? "", length),
  )
  // Left out altogether, the type would be application/octet-stream.
  return reply.contentType === undefined ? HttpServerResponse.removeHeader(answer, "content-type") : answer
}

/** A refusal as FastAPI words it. */
export const refused = ({ detail, status }: NimRefusal) => HttpServerResponse.jsonUnsafe({ detail }, { status })

/** `value` as JSON. */
export const jsonReply = (value: unknown): NimReply => {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  return { contentType: "application/json", length: bytes.length, body: Stream.succeed(bytes) }
}
