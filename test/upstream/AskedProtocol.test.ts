import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { Settings } from "../../src/Settings.ts"
import { askProtocol } from "../../src/upstream/AskedProtocol.ts"
import { jsonOnlyParakeet } from "../support/jsonOnlyParakeet.ts"
import { nemoSpeech } from "../support/nemoSpeech.ts"
import { NimTest } from "../support/nim.ts"
import { json, openAiServer } from "../support/openAiServers.ts"
import { speaches } from "../support/speaches.ts"
import { startGateway } from "../support/gateway.ts"

const ask = Effect.fnUntraced(function* (url: URL) {
  const settings = yield* Effect.provide(Effect.service(Settings), yield* Layer.build(Settings.layerTest()))
  return yield* askProtocol({ url, protocol: "auto" }, settings)
})

const found = ({ url }: { readonly url: URL }) => Effect.flatMap(ask(url), ({ decide }) => decide)

const live = (title: string, run: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.live(title, () => Effect.scoped(run()), { timeout: 60_000 })

describe("askProtocol", () => {
  live("knows a NIM, one that still loads too", () =>
    Effect.gen(function* () {
      const nim = yield* NimTest
      expect(yield* found(nim)).toBe("nim")
      yield* nim.restart(600_000)
      expect(yield* found(nim)).toBe("nim")
    }).pipe(Effect.provide(NimTest.layer)),
  )

  live("knows NeMo-Speech.cpp, speaches, a small Parakeet server and another Aviary by OpenAI's protocol", () =>
    Effect.gen(function* () {
      expect(yield* found(yield* nemoSpeech())).toBe("openai")
      expect(yield* found(yield* speaches())).toBe("openai")
      expect(yield* found(yield* jsonOnlyParakeet())).toBe("openai")
      const { url } = yield* startGateway()
      expect(yield* found({ url: new URL(url) })).toBe("openai")
    }).pipe(Effect.provide(NodeServices.layer)),
  )

  live("takes a web page that answers everything for no NIM", () =>
    Effect.gen(function* () {
      const server = yield* openAiServer((_, response) =>
        response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>"),
      )
      expect(yield* found(server)).toBe("openai")
    }),
  )

  live("asks once", () =>
    Effect.gen(function* () {
      const server = yield* nemoSpeech()
      const protocol = yield* ask(server.url)
      expect(protocol.found()).toBeUndefined()
      yield* protocol.decide
      yield* protocol.decide
      expect(protocol.found()).toBe("openai")
      expect(server.asked.map(({ path }) => path)).toEqual(["/v1/health/ready"])
    }),
  )

  live("fails as a call would while nobody answers, and asks again", () =>
    Effect.gen(function* () {
      const place = createServer()
      yield* Effect.callback<void>((resume) => void place.listen(0, "127.0.0.1", () => resume(Effect.void)))
      const { port } = place.address() as AddressInfo
      yield* Effect.callback<void>((resume) => void place.close(() => resume(Effect.void)))
      const protocol = yield* ask(new URL(`http://127.0.0.1:${port}`))
      yield* protocol.settle(() => Effect.die("there is nothing to learn"))
      expect(yield* Effect.flip(protocol.decide)).toMatchObject({ _tag: "EngineUnreachable" })
      expect(protocol.found()).toBeUndefined()
    }),
  )

  live("does not decide on a server that lets nobody in, or that fails", () =>
    Effect.gen(function* () {
      let status = 401
      const server = yield* openAiServer((_, response) => json(response, status, { error: { message: "no" } }))
      const protocol = yield* ask(server.url)
      expect(yield* Effect.flip(protocol.decide)).toMatchObject({ _tag: "EngineRejected", status: 401 })
      status = 500
      expect(yield* Effect.flip(protocol.decide)).toMatchObject({ _tag: "EngineRejected", status: 500 })
      status = 404
      expect(yield* protocol.decide).toBe("openai")
    }),
  )
})
