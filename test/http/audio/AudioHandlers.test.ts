import { describe, expect, it } from "@effect/vitest"
import { NodeHttpServerRequest } from "@effect/platform-node"
import { Deferred, Effect, Layer, Option, Stream } from "effect"
import { HttpServerRequest } from "effect/http"
import type { ServerResponse } from "node:http"
import { Speech, type Spoken } from "../../../src/speech/Speech.ts"
import type { SpeechRequest } from "../../../src/speech/SpeechRequest.ts"
import { SpeechError, UnknownVoice } from "../../../src/speech/SpeechError.ts"
import { EngineError } from "../../../src/upstream/EngineError.ts"
import { EngineCut } from "../../../src/upstream/EngineFailure.ts"
import { free, startGateway, transcriptionOf } from "../../support/gateway.ts"
import { jsonPost, rawConnection } from "../../support/rawHttp.ts"
import { standsStill } from "../../support/standsStill.ts"

const hello = { model: "tts-1", input: "Hello.", voice: "alloy" }

const spoken: Spoken = {
  key: "f".repeat(64),
  cache: "MISS",
  contentType: "audio/wav",
  length: undefined,
  ...free,
  bytes: Stream.make(new Uint8Array([1, 2, 3])),
}

const gatewayWith = (speak: Speech["Service"]["speak"]) =>
  startGateway({ programs: Layer.merge(Layer.succeed(Speech, { speak }), transcriptionOf()) })

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  Effect.promise(() =>
    fetch(`${url}/v1/audio/speech`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    }),
  )

describe("the program is asked for", () => {
  const asked = Effect.fnUntraced(function* (body: object, headers: Record<string, string> = {}) {
    const request = yield* Deferred.make<SpeechRequest>()
    const { url } = yield* gatewayWith((given) => Effect.as(Deferred.succeed(request, given), spoken))
    expect((yield* post(url, { ...hello, ...body }, headers)).status).toBe(200)
    return yield* Deferred.await(request)
  })

  it.live("mp3 at the voice's own pace, from the cache, unless said otherwise", () =>
    Effect.gen(function* () {
      expect(yield* asked({})).toEqual({
        text: "Hello.",
        model: "tts-1",
        voice: "alloy",
        format: "mp3",
        speed: 1,
        language: undefined,
        sampleRate: undefined,
        instructions: undefined,
        cacheControl: "use",
      })
    }),
  )

  it.live("what the body says, a voice as an object among it", () =>
    Effect.gen(function* () {
      const body = {
        voice: { id: "Mia" },
        response_format: "pcm",
        speed: 1.5,
        language: "es-US",
        sample_rate_hz: 16_000,
        instructions: "Speak angrily.",
      }
      expect(yield* asked(body)).toMatchObject({
        voice: "Mia",
        format: "pcm",
        speed: 1.5,
        language: "es-US",
        sampleRate: 16_000,
        instructions: "Speak angrily.",
      })
    }),
  )

  it.live("a language in any spelling, or the voice's own", () =>
    Effect.gen(function* () {
      for (const [language, tag] of [
        ["en_GB", "en-GB"],
        ["German", "de"],
        ["EN-us", "en-US"],
        ["auto", undefined],
        ["", undefined],
        [null, undefined],
      ]) {
        expect((yield* asked({ language })).language).toBe(tag)
      }
    }),
  )

  it.live.each([
    ["no-cache", "refresh"],
    ["max-age=0", "refresh"],
    ["No-Store", "bypass"],
    ["no-cache, no-store", "bypass"],
    ["max-age=60", "use"],
  ])("the cache as %s says", ([header, cacheControl]) =>
    Effect.gen(function* () {
      expect(yield* asked({}, { "cache-control": header! })).toMatchObject({ cacheControl })
    }),
  )
})

it.live("names the entry and how the cache served it", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.succeed(spoken))
    const { headers } = yield* post(url, hello)
    expect(headers.get("content-type")).toBe("audio/wav")
    expect(headers.get("x-cache")).toBe("MISS")
    expect(headers.get("content-location")).toBe(`/v1/audio/speech/${spoken.key}`)
    expect(headers.get("content-length")).toBeNull()
  }),
)

it.live("says the length of what is already there", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.succeed({ ...spoken, cache: "HIT", length: 3 }))
    const response = yield* post(url, hello)
    expect(response.headers.get("content-length")).toBe("3")
    expect(response.headers.get("x-cache")).toBe("HIT")
    expect(new Uint8Array(yield* Effect.promise(() => response.arrayBuffer()))).toEqual(new Uint8Array([1, 2, 3]))
  }),
)

it.live("names no entry where none will be", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.succeed({ ...spoken, cache: "BYPASS" }))
    expect((yield* post(url, hello)).headers.get("content-location")).toBeNull()
  }),
)

it.live("sends no status before there is audio, and each chunk as it comes", () =>
  Effect.gen(function* () {
    const ready = yield* Deferred.make<void>()
    const second = yield* Deferred.make<void>()
    const audio = Stream.concat(
      Stream.make(Buffer.from("first")),
      Stream.fromEffect(Effect.as(Deferred.await(second), Buffer.from("second"))),
    )
    const called = yield* Deferred.make<void>()
    const { port } = yield* gatewayWith(() =>
      Effect.gen(function* () {
        yield* Deferred.succeed(called, undefined)
        yield* Deferred.await(ready)
        return { ...spoken, bytes: audio }
      }),
    )
    const { socket, seen } = yield* rawConnection(port)
    socket.write(jsonPost("/v1/audio/speech", hello))
    yield* Deferred.await(called)
    expect(socket.bytesRead).toBe(0)
    yield* Deferred.succeed(ready, undefined)
    const early = yield* seen("first")
    expect(early).toMatch(/^HTTP\/1.1 200 /)
    expect(early).not.toContain("second")
    yield* Deferred.succeed(second, undefined)
    expect(yield* seen(/second\r\n0\r\n\r\n$/)).toContain("first")
  }),
)

it.live("a failure before the first audio has a proper status", () =>
  Effect.gen(function* () {
    const reason = new UnknownVoice({ voice: "alloy", available: ["Mia"] })
    const { url } = yield* gatewayWith(() => Effect.fail(new SpeechError({ reason })))
    const response = yield* post(url, hello)
    expect(response.status).toBe(400)
    expect(yield* Effect.promise(() => response.json())).toMatchObject({
      error: { code: "voice_not_found", param: "voice" },
    })
  }),
)

it.live.each([
  ["of unknown length", undefined],
  ["of known length", 1_000],
] as const)("a failure after the first audio breaks a response %s off, without a clean end", ([, length]) =>
  Effect.gen(function* () {
    const cut = yield* Deferred.make<never, EngineError>()
    const audio = Stream.concat(Stream.make(Buffer.from("first")), Stream.fromEffect(Deferred.await(cut)))
    const { port } = yield* gatewayWith(() => Effect.succeed({ ...spoken, length, bytes: audio }))
    const { socket, seen, closed } = yield* rawConnection(port)
    socket.write(jsonPost("/v1/audio/speech", hello))
    yield* seen("first")
    yield* Deferred.fail(cut, new EngineError({ engine: "magpie", reason: new EngineCut({ message: "gone" }) }))
    const { received } = yield* closed
    expect(received.toString()).toContain("HTTP/1.1 200")
    expect(received.toString()).toContain("first")
    expect(received.toString()).not.toMatch(/\r\n0\r\n\r\n$/)
  }),
)

it.live("the program's scope lives as long as the body, and no longer", () =>
  Effect.gen(function* () {
    const released = yield* Deferred.make<void>()
    const more = yield* Deferred.make<void>()
    const audio = Stream.concat(
      Stream.make(Buffer.from("first")),
      Stream.fromEffect(Effect.as(Deferred.await(more), Buffer.from("last"))),
    )
    const { port } = yield* gatewayWith(() =>
      Effect.as(
        Effect.acquireRelease(Effect.void, () => Deferred.succeed(released, undefined)),
        { ...spoken, bytes: audio },
      ),
    )
    const { socket, seen } = yield* rawConnection(port)
    socket.write(jsonPost("/v1/audio/speech", hello))
    yield* seen("first")
    expect(yield* Deferred.isDone(released)).toBe(false)
    yield* Deferred.succeed(more, undefined)
    yield* seen("last")
    yield* Deferred.await(released)
  }),
)

it.live.each(["before the first audio", "in the middle"] as const)("a client that leaves %s is let go", (when) =>
  Effect.gen(function* () {
    const started = yield* Deferred.make<void>()
    const interrupted = yield* Deferred.make<void>()
    const released = yield* Deferred.make<void>()
    const hang = Effect.onInterrupt(Effect.andThen(Deferred.succeed(started, undefined), Effect.never), () =>
      Deferred.succeed(interrupted, undefined),
    )
    const { port } = yield* gatewayWith(() =>
      Effect.acquireRelease(Effect.void, () => Deferred.succeed(released, undefined)).pipe(
        Effect.andThen(when === "in the middle" ? Effect.void : hang),
        Effect.as({ ...spoken, bytes: Stream.concat(Stream.make(Buffer.from("first")), Stream.fromEffect(hang)) }),
      ),
    )
    const { socket, seen } = yield* rawConnection(port)
    socket.write(jsonPost("/v1/audio/speech", hello))
    if (when === "in the middle") yield* seen("first")
    yield* Deferred.await(started)
    socket.destroy()
    yield* Deferred.await(interrupted)
    yield* Deferred.await(released)
  }),
)

it.live("the program charges when Node holds nothing back of what it gave, and is told that all is out", () =>
  Effect.gen(function* () {
    const chunks = 20_000
    let asked = 0
    const seen: Array<unknown> = []
    const { port } = yield* gatewayWith(() =>
      Effect.map(Effect.serviceOption(HttpServerRequest.HttpServerRequest), (request) => {
        const response = NodeHttpServerRequest.toServerResponse(Option.getOrThrow(request)) as ServerResponse
        const bytes = Stream.range(1, chunks).pipe(
          Stream.rechunk(1),
          Stream.map(() => {
            asked += 1
            return new Uint8Array(1_024)
          }),
        )
        const settle = Effect.sync(() => void seen.push(response.writableLength))
        const delivered = (handed: unknown) => Effect.sync(() => void seen.push(handed))
        return { ...spoken, length: chunks * 1_024, bytes, settle, delivered }
      }),
    )
    const { socket, closed } = yield* rawConnection(port)
    socket.pause()
    socket.write(jsonPost("/v1/audio/speech", hello).replace("\r\n", "\r\nconnection: close\r\n"))
    yield* standsStill(() => asked)
    expect(asked).toBeLessThan(chunks)
    expect(seen).toEqual([])
    socket.resume()
    expect((yield* closed).received.length).toBeGreaterThan(chunks * 1_024)
    expect(seen).toEqual([0, "all"])
  }),
)

it.live("an unknown model never reaches the program", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.die("asked"))
    for (const model of ["tts-9", "whisper-1"]) {
      const response = yield* post(url, { ...hello, model })
      expect(response.status).toBe(404)
      expect(yield* Effect.promise(() => response.json())).toMatchObject({
        error: {
          message: expect.stringMatching(/^The model `.*` does not exist .*There are: test-magpie, tts-1, /),
          code: "model_not_found",
        },
      })
    }
  }),
)
