import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { textOf } from "../../../src/audio/Segment.ts"
import { undecodable } from "../../../src/audio/DecodeError.ts"
import { Transcription } from "../../../src/transcription/Transcription.ts"
import { BillingError } from "../../../src/billing/BillingError.ts"
import { speechOf, startGateway, transcribed } from "../../support/gateway.ts"

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

const spoken = [
  { startMs: 0, endMs: 1_000, text: "The birds\r\nare\u2028" },
  { startMs: 1_000, endMs: 2_000, text: " back." },
]

/** The events of a body, each one line of data. */
const eventsOf = (body: string) =>
  body
    .split("\n\n")
    .filter((event) => event !== "")
    .map((event) => JSON.parse(event.replace(/^data: /, "")) as unknown)

it.live("a client that wants events gets each segment as it is heard, and all of it once the charge stands", () =>
  Effect.gen(function* () {
    const [heardOne, settled] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
    const delivered: Array<unknown> = []
    const { url } = yield* gatewayWith(() =>
      Effect.succeed({
        ...heard,
        segments: Stream.concat(
          Stream.succeed(spoken[0]!),
          Stream.fromEffect(Effect.as(Deferred.await(heardOne), spoken[1]!)),
        ),
        settle: Deferred.await(settled),
        delivered: (handed) => Effect.sync(() => delivered.push(handed)),
      }),
    )
    const response = yield* Effect.promise(() => send(url, { model: "gpt-4o-transcribe", stream: "true" }))
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream"])
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    const read = Effect.map(
      Effect.promise(() => reader.read()),
      ({ value }) => value ?? "",
    )
    const first = { type: "transcript.text.delta", delta: spoken[0]!.text }
    expect(eventsOf(yield* read)).toEqual([first])
    yield* Deferred.succeed(heardOne, undefined)
    expect(eventsOf(yield* read)).toEqual([{ type: "transcript.text.delta", delta: " back." }])
    expect(delivered).toEqual([])
    yield* Deferred.succeed(settled, undefined)
    expect(eventsOf(yield* read)).toEqual([
      { type: "transcript.text.done", text: textOf(spoken), usage: { type: "duration", seconds: 3 } },
    ])
    expect((yield* Effect.promise(() => reader.read())).done).toBe(true)
    expect(delivered).toEqual(["all"])
  }),
)

it.live(
  "what fails after its first event is broken off, before it has a status; who leaves has what it was handed",
  () =>
    Effect.gen(function* () {
      const stream = { model: "gpt-4o-transcribe", stream: "1" }
      const gone = Effect.fail(BillingError.unavailable("full", ""))
      for (const [segments, settle] of [
        [
          Stream.concat(Stream.succeed(spoken[0]!), Stream.fromEffect(Effect.andThen(Effect.sleep("50 millis"), gone))),
          gone,
        ],
        [Stream.fromIterable(spoken), Effect.andThen(Effect.sleep("50 millis"), gone)],
      ] as const) {
        const broken = yield* gatewayWith(() => Effect.succeed({ ...heard, segments, settle }))
        const response = yield* Effect.promise(() => send(broken.url, stream))
        expect(response.status).toBe(200)
        let body = ""
        const ended = Effect.promise(async () => {
          for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) body += piece
          return "ended"
        })
        expect(yield* Effect.catchDefect(ended, () => Effect.succeed("broken off"))).toBe("broken off")
        expect(body).toContain("transcript.text.delta")
        expect(body).not.toContain("transcript.text.done")
      }
      const refused = yield* gatewayWith(() => Effect.fail(BillingError.unavailable("full", "")))
      expect((yield* Effect.promise(() => send(refused.url, stream))).status).toBe(503)

      const left = yield* Deferred.make<"all" | number>()
      const leaving = yield* gatewayWith(() =>
        Effect.succeed({
          ...heard,
          segments: Stream.concat(Stream.succeed(spoken[0]!), Stream.never),
          delivered: (handed) => Deferred.succeed(left, handed),
        }),
      )
      const controller = new AbortController()
      const open = yield* Effect.promise(() => send(leaving.url, stream, controller.signal))
      yield* Effect.promise(() => open.body!.getReader().read())
      controller.abort()
      expect(yield* Deferred.await(left)).toBe(1_000)
    }),
)

it.live("whisper-1 never had events, and who does not ask for them gets none", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() => Effect.succeed(heard))
    for (const fields of [{ stream: "true" }, { model: "gpt-4o-transcribe", stream: "false" }]) {
      const response = yield* Effect.promise(() => send(url, fields))
      expect([fields, response.status]).toEqual([fields, 200])
      expect(response.headers.get("content-type")).toBe("application/json")
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
