import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { undecodable } from "../../src/audio/DecodeError.ts"
import { Transcription } from "../../src/transcription/Transcription.ts"
import { BillingError } from "../../src/billing/BillingError.ts"
import { speechOf, startGateway, transcribed } from "../support/gateway.ts"

const gatewayWith = (transcribe: Transcription["Service"]["transcribe"]) =>
  startGateway({ programs: Layer.merge(speechOf(), Layer.succeed(Transcription, { transcribe })) })

const send = (url: string, fields: Record<string, string> = {}, signal?: AbortSignal) => {
  const body = new FormData()
  body.append("file", new Blob(["RIFF"]), "speech.wav")
  for (const [name, value] of Object.entries({ model: "whisper-1", ...fields })) body.append(name, value)
  return fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body, signal: signal ?? null })
}

const heard = transcribed("The birds are back.", 2.1)

it.live.each([{}, { response_format: "json" }])("answers %j in JSON, with the seconds of audio rounded up", (fields) =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.succeed(heard))
    const response = yield* Effect.promise(() => send(url, fields))
    expect(response.headers.get("content-type")).toBe("application/json")
    expect(yield* Effect.promise(() => response.json())).toEqual({
      text: "The birds are back.",
      usage: { type: "duration", seconds: 3 },
    })
  }),
)

it.live("answers text as one line", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.succeed(heard))
    const response = yield* Effect.promise(() => send(url, { response_format: "text" }))
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8")
    expect(yield* Effect.promise(() => response.text())).toBe("The birds are back.\n")
  }),
)

it.live("a client that wants events is told that there are none, unless it asks whisper-1, which never had them", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.succeed(heard))
    for (const stream of ["true", "True", "1"]) {
      const refused = yield* Effect.promise(() => send(url, { model: "gpt-4o-transcribe", stream }))
      expect([stream, refused.status]).toEqual([stream, 400])
      expect(yield* Effect.promise(() => refused.json())).toMatchObject({
        error: { code: "unsupported_value", param: "stream", message: expect.stringContaining("events") },
      })
    }
    for (const fields of [{ stream: "true" }, { model: "gpt-4o-transcribe", stream: "false" }]) {
      const response = yield* Effect.promise(() => send(url, fields))
      expect([fields, response.status]).toEqual([fields, 200])
    }
  }),
)

it.live("silence is an empty text, not an error", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.succeed(transcribed("")))
    const response = yield* Effect.promise(() => send(url))
    expect(yield* Effect.promise(() => response.json())).toMatchObject({ text: "" })
  }),
)

it.live("what cannot be decoded is 400 about the file", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.fail(undecodable("This is a picture.")))
    const response = yield* Effect.promise(() => send(url))
    expect(response.status).toBe(400)
    expect(yield* Effect.promise(() => response.json())).toMatchObject({
      error: { code: "invalid_value", param: "file", message: expect.stringContaining("This is a picture.") },
    })
  }),
)

it.live("nothing of the text leaves before its charge stands, and without it the client is told why", () =>
  Effect.gen(function* () {
    const [asked, stands] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const delivered: Array<unknown> = []
    const settle = Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(stands))
    const { url } = yield* gatewayWith(() =>
      Effect.succeed({ ...heard, settle, delivered: (handed) => Effect.sync(() => delivered.push(handed)) }),
    )
    const answer = yield* Effect.forkChild(Effect.promise(() => send(url, { response_format: "text" })))
    yield* Deferred.await(asked)
    expect(answer.pollUnsafe()).toBe(undefined)
    yield* Deferred.succeed(stands, undefined)
    const response = yield* Fiber.join(answer)
    expect(yield* Effect.promise(() => response.text())).toBe("The birds are back.\n")
    expect(delivered).toEqual([0, "all"])
    const broke = yield* gatewayWith(() =>
      Effect.succeed({ ...heard, settle: Effect.fail(BillingError.unavailable("full", "")) }),
    )
    expect((yield* Effect.promise(() => send(broke.url, {}))).status).toBe(503)
  }),
)

it.live("a client that leaves takes its transcription with it", () =>
  Effect.gen(function* () {
    const started = yield* Deferred.make<void>()
    const interrupted = yield* Deferred.make<void>()
    const { url } = yield* gatewayWith(() =>
      Effect.onInterrupt(Effect.andThen(Deferred.succeed(started, undefined), Effect.never), () =>
        Deferred.succeed(interrupted, undefined),
      ),
    )
    const controller = new AbortController()
    const leaving = send(url, {}, controller.signal).catch(() => undefined)
    yield* Deferred.await(started)
    controller.abort()
    yield* Deferred.await(interrupted)
    yield* Effect.promise(() => leaving)
  }),
)
