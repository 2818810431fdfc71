import { expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { ErrorEnvelope } from "../../src/contract/ErrorEnvelope.ts"
import { startGateway } from "../support/gateway.ts"
import { rawConnection } from "../support/rawHttp.ts"

const decode = Schema.decodeUnknownSync(ErrorEnvelope)

const answerTo = Effect.fnUntraced(function* (version: string, hosts: ReadonlyArray<string>) {
  // Any name is let in, so that only the header's form is looked at.
  const { port } = yield* startGateway({ settings: { access: "keys" } })
  const { socket, seen } = yield* rawConnection(port)
  socket.write([`GET /health/live ${version}`, ...hosts, "", ""].join("\r\n"))
  const [head = "", body = ""] = (yield* seen(/\}$/)).split("\r\n\r\n")
  return { head, body: JSON.parse(body) }
})

it.live.each([
  ["that is missing", []],
  ["sent twice", ["host: localhost", "host: localhost"]],
  ["sent twice, as another", ["Host: localhost", "HOST: elsewhere.example"]],
  ["with nothing in it", ["host:"]],
  ["with a path", ["host: localhost/v1"]],
  ["with a user", ["host: somebody@localhost"]],
  ["with a space", ["host: local host"]],
  ["with two ports", ["host: localhost:80:80"]],
  ["with half an address", ["host: [::1"]],
  ["that lists two", ["host: localhost, elsewhere.example"]],
])("a host %s is 400, in the envelope and the last answer of its connection", ([, hosts]) =>
  Effect.gen(function* () {
    const { head, body } = yield* answerTo("HTTP/1.1", hosts as ReadonlyArray<string>)
    expect(head).toMatch(/^HTTP\/1.1 400 /)
    expect(head).toMatch(/\r\nx-request-id: req_/i)
    expect(head).toMatch(/\r\nconnection: close/i)
    expect(decode(body).error.code).toBe("invalid_host")
  }),
)

it.live.each([
  ["HTTP/1.1", ["host: aviary.example"]],
  ["HTTP/1.1", ["host: aviary.example:8000"]],
  ["HTTP/1.1", ["host: 127.0.0.1:8000"]],
  ["HTTP/1.1", ["host: [::1]:8000"]],
  ["HTTP/1.1", ["host: my_box-2.local:"]],
  ["HTTP/1.0", []],
])("%s with %s is served", ([version, hosts]) =>
  Effect.gen(function* () {
    const { head } = yield* answerTo(version as string, hosts as ReadonlyArray<string>)
    expect(head).toMatch(/^HTTP\/1.1 200 /)
  }),
)
