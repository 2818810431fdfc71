import { Effect } from "effect"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

interface Value {
  readonly stringValue?: string
  readonly intValue?: string | number
  readonly doubleValue?: number
  readonly boolValue?: boolean
}
type Attributes = ReadonlyArray<{ readonly key: string; readonly value: Value }>

export interface CollectedSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly kind: number
  readonly start: bigint
  readonly end: bigint
  readonly status: number
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly resource: Readonly<Record<string, string | number | boolean>>
}

const plain = (attributes: Attributes = []): CollectedSpan["attributes"] =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.doubleValue ?? value.boolValue ?? Number(value.intValue),
    ]),
  )

const spansOf = (body: string): ReadonlyArray<CollectedSpan> => {
  const { resourceSpans } = JSON.parse(body) as { readonly resourceSpans: ReadonlyArray<Record<string, any>> }
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    (scopeSpans as ReadonlyArray<Record<string, any>>).flatMap(({ spans }) =>
      (spans as ReadonlyArray<Record<string, any>>).map((span) => ({
        name: span["name"],
        traceId: span["traceId"],
        spanId: span["spanId"],
        parentSpanId: span["parentSpanId"],
        kind: span["kind"],
        start: BigInt(span["startTimeUnixNano"]),
        end: BigInt(span["endTimeUnixNano"]),
        status: span["status"]["code"],
        attributes: plain(span["attributes"]),
        resource: plain(resource["attributes"]),
      })),
    ),
  )
}

/**
 * What an OpenTelemetry collector does with OTLP over HTTP, in JSON. `spans` are those that came in traces.
 *
 * @param answer what it says; a collector may also be silent, or refuse
 */
export const startCollector = Effect.fnUntraced(function* (
  answer: (response: ServerResponse) => void = (response) =>
    response.writeHead(200, { "content-type": "application/json" }).end("{}"),
) {
  const bodies: Array<{ readonly path: string; readonly body: string }> = []
  const server = yield* Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer>>((resume) => {
      const listening = createServer((request, response) => {
        const parts: Array<Buffer> = []
        request.on("data", (part: Buffer) => parts.push(part))
        request.on("end", () => {
          bodies.push({ path: request.url ?? "", body: Buffer.concat(parts).toString() })
          answer(response)
        })
      }).listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
    }),
    (listening) =>
      Effect.callback<void>((resume) => {
        listening.close(() => resume(Effect.void))
        listening.closeAllConnections()
      }),
  )
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    spans: () => bodies.filter(({ path }) => path === "/v1/traces").flatMap(({ body }) => spansOf(body)),
  }
})
