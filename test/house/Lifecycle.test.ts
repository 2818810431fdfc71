// docs/lifecycle.md against the catalogue of errors, and against a gateway.
import { NodeServices } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Logger, Redacted, Stream } from "effect"
import { HttpServer } from "effect/http"
import { services } from "../../src/Aviary.ts"
import { Accounts } from "../../src/billing/Accounts.ts"
import type { ErrorKind } from "../../src/contract/ErrorKind.ts"
import { Errors } from "../../src/contract/Errors.ts"
import * as Server from "../../src/http/Server.ts"
import { Settings } from "../../src/Settings.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineUnreachable } from "../../src/upstream/EngineFailure.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { rawConnection } from "../support/rawHttp.ts"
import { read } from "./Tree.ts"

const page = read("docs/lifecycle.md")
const catalogue = (Object.values(Errors) as unknown as ReadonlyArray<ErrorKind>).map(({ description }) => description)

/** The stages of a section in the page's order, each with its ways out, such as `400 invalid_json`. */
const stagesOf = (heading: string) => {
  const section = page.slice(page.indexOf(`## ${heading}\n`)).split("\n## ")[0]!
  return Array.from(section.matchAll(/^\| (\w[\w ]*) \| .+? \| (.*?) ?\|$/gm), ([, stage, exits]) => ({
    stage: stage!,
    exits: Array.from(exits!.matchAll(/(\d{3}) `(\w+)`/g), ([, status, code]) => `${status} ${code}`),
  })).filter(({ stage }) => stage !== "stage")
}

const speech = stagesOf("Speech")
const named = [speech, stagesOf("Transcription"), stagesOf("At any stage")].flat().flatMap(({ exits }) => exits)

it("every way out is an error of the catalogue, with its status", () => {
  expect(named.length).toBeGreaterThan(60)
  const known = new Set(catalogue.map(({ status, code }) => `${status} ${code}`))
  expect(named.filter((exit) => !known.has(exit))).toEqual([])
})

it("every error of the catalogue has its place, on the way of a request or among those of other routes", () => {
  const elsewhere = Array.from(
    page.slice(page.indexOf("## Only on other routes")).matchAll(/`(\w+)`/g),
    ([, code]) => code!,
  )
  const here = named.map((exit) => exit.split(" ")[1]!)
  expect(elsewhere.filter((code) => here.includes(code))).toEqual([])
  expect(new Set([...here, ...elsewhere])).toEqual(new Set(catalogue.map(({ code }) => code)))
})

it("the diagram's ways out have the table's statuses", () => {
  const drawn = new Map(
    Array.from(page.matchAll(/(\w+)\[([\w ]+)\] -- "([\d ]+)[^"\d]*" --> refused/g), ([, , stage, statuses]) => [
      stage!,
      new Set(statuses!.trim().split(" ")),
    ]),
  )
  // An engine's own status is passed on.
  const passedOn = new Map([["Engine", ["400", "422"]]])
  for (const { stage, exits } of speech.filter(({ exits }) => exits.length > 0)) {
    const listed = exits.map((exit) => exit.split(" ")[0]!)
    expect([stage, drawn.get(stage)]).toEqual([stage, new Set([...listed, ...(passedOn.get(stage) ?? [])])])
  }
})

/** An engine that refuses, then makes no audio, then works: `state.engine` says which. */
const makeEngine = (state: { engine: "gone" | "mute" | "well" }) =>
  MagpieClient.layerTest({
    synthesize: ({ text }) =>
      state.engine === "gone"
        ? Stream.fail(new EngineError({ engine: "magpie", reason: new EngineUnreachable({ message: "ECONNREFUSED" }) }))
        : state.engine === "mute"
          ? Stream.empty
          : Stream.make({ sampleRate: 22_050, samples: new Int16Array(text.length * 1_400) }),
  })

it.live("a request with every fault meets them in the page's order, one after the other as they are mended", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const state: { engine: "gone" | "mute" | "well" } = { engine: "gone" }
    const gateway = yield* Layer.build(
      Server.layer.pipe(
        Layer.provideMerge(Server.layerNode),
        Layer.provideMerge(services),
        Layer.provide(Layer.merge(makeEngine(state), ParakeetClient.layerTest())),
        Layer.provide(
          Settings.layerTest({
            dataDir: yield* fs.makeTempDirectoryScoped(),
            port: "0",
            access: "keys",
            hosts: "gateway.example",
            maxTextCharacters: "50",
          }),
        ),
        Layer.provide(Logger.layer([])),
      ),
    )
    const { address } = yield* Effect.provide(HttpServer.HttpServer, gateway)
    const port = address._tag === "UnixPathAddress" ? yield* Effect.die("not on TCP") : address.port
    const accounts = yield* Effect.provide(Accounts, gateway)
    yield* accounts.publishRates({
      ...{ speechPerMillionCharacters: 1_000_000, transcriptionPerMinute: 0 },
      ...{ hitShare: 10_000, coalescedShare: 10_000 },
    })
    const { id: accountId } = yield* accounts.open({ name: "A", terms: { kind: "prepaid", overdraft: 0 } })
    const { text: key } = yield* accounts.createKey({
      ...{ accountId, name: "A" },
      limits: { charactersPerMinute: 1_000 },
    })

    const sent = {
      expect: "expect: the best\r\n",
      hosts: "host: localhost\r\nhost: rebound.example\r\n",
      method: "PUT",
      path: "/v1/audio/speeches",
      encoding: "content-encoding: gzip\r\n",
      authorization: "",
      type: "text/plain",
      idempotency: "idempotency-key: \t\u00e9\r\n",
      body: "{" as string,
    }
    const json = {
      ...{ model: "tts-9", voice: "nobody", input: "a".repeat(1_001) },
      ...{ response_format: "wav", speed: 9 as number | undefined },
    }
    const withJson = (changes: Partial<typeof json>) =>
      Effect.sync(() => void (sent.body = JSON.stringify(Object.assign(json, changes))))
    const mended = (changes: Partial<typeof sent>) => Effect.sync(() => void Object.assign(sent, changes))

    const answer = Effect.scoped(
      Effect.gen(function* () {
        const connection = yield* rawConnection(port)
        const { body, method, path, type, ...headers } = sent
        connection.socket.write(
          `${method} ${path} HTTP/1.1\r\n${headers.expect}${headers.hosts}${headers.encoding}${headers.authorization}${headers.idempotency}` +
            `content-type: ${type}\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
          "latin1",
        )
        const received = (yield* connection.closed).received.toString("latin1")
        return `${received.slice(9, 12)} ${/"code":"(\w+)"/.exec(received)?.[1] ?? ""}`.trim()
      }),
    )

    const steps: ReadonlyArray<readonly [met: string, stage: string, mend: Effect.Effect<unknown, unknown>]> = [
      ["417 expectation_failed", "Connection", mended({ expect: "" })],
      ["400 invalid_host", "Host and origin", mended({ hosts: "host: rebound.example\r\n" })],
      ["403 host_not_allowed", "Host and origin", mended({ hosts: "host: gateway.example\r\n" })],
      ["404 unknown_url", "Route", mended({ path: "/v1/audio/speech" })],
      ["405 method_not_supported", "Route", mended({ method: "POST" })],
      ["415 unsupported_content_encoding", "Route", mended({ encoding: "" })],
      ["401 invalid_api_key", "Key", mended({ authorization: `authorization: Bearer ${Redacted.value(key)}\r\n` })],
      ["415 unsupported_media_type", "Body", mended({ type: "application/json" })],
      ["400 invalid_json", "Body", withJson({})],
      ["400 invalid_value", "Body", withJson({ speed: undefined })],
      ["429 rate_limit_exceeded", "Rate", withJson({ input: "a".repeat(51) })],
      ["404 model_not_found", "Model", withJson({ model: "tts-1" })],
      ["400 invalid_value", "Model", mended({ idempotency: "" })],
      ["400 string_above_max_length", "Plan", withJson({ input: " " })],
      ["400 blank_text", "Plan", withJson({ input: "The birds sing." })],
      ["400 voice_not_found", "Plan", withJson({ voice: "alloy" })],
      ["429 insufficient_quota", "Hold", accounts.deposit({ accountId, amount: 1_000 })],
      ["502 engine_unreachable", "Engine", Effect.sync(() => (state.engine = "mute"))],
      ["502 incomplete_audio", "Verdict", Effect.sync(() => (state.engine = "well"))],
    ]
    const order = speech.map(({ stage }) => stage)
    let before = 0
    for (const [met, stage, mend] of steps) {
      expect(yield* answer).toBe(met)
      expect([stage, speech.find((one) => one.stage === stage)?.exits]).toEqual([stage, expect.arrayContaining([met])])
      expect(order.indexOf(stage)).toBeGreaterThanOrEqual(before)
      before = order.indexOf(stage)
      yield* mend
    }
    expect(yield* answer).toBe("200")
  }).pipe(Effect.provide(NodeServices.layer)),
)
