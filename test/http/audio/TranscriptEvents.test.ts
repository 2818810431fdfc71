import { expect, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { undecodable } from "../../../src/audio/DecodeError.ts"
import { keptAlive } from "../../../src/http/audio/KeptAlive.ts"
import type { Transcription } from "../../../src/transcription/Transcription.ts"
import { oneSegment } from "../../support/heard.ts"
import { speechOf, startGateway, transcribed, transcriptionOf } from "../../support/gateway.ts"

it.effect("a wait as long as that is filled with signs, and nothing is lost or read ahead meanwhile", () =>
  Effect.gen(function* () {
    const given = yield* Queue.unbounded<string>()
    const asked: Array<string> = []
    const source = Stream.tap(Stream.fromQueue(given), (one) => Effect.sync(() => asked.push(one)))
    const read = yield* Queue.unbounded<string>()
    const reading = yield* Effect.forkChild(
      Stream.runForEach(Stream.take(keptAlive(source, "…", "10 seconds"), 4), (one) => Queue.offer(read, one)),
    )
    yield* TestClock.adjust("25 seconds")
    expect(yield* Queue.takeN(read, 2)).toEqual(["…", "…"])
    yield* Queue.offer(given, "one")
    expect(yield* Queue.take(read)).toBe("one")
    yield* TestClock.adjust("9 seconds")
    yield* Queue.offer(given, "two")
    expect(yield* Queue.take(read)).toBe("two")
    yield* Fiber.join(reading)
    expect(asked).toEqual(["one", "two"])
  }),
)

it.effect("what fails behind a sign fails, and what ends ends", () =>
  Effect.gen(function* () {
    const gate = yield* Deferred.make<void, string>()
    const late = Stream.fromEffectDrain(Deferred.await(gate))
    const collected = yield* Effect.forkChild(Effect.exit(Stream.runCollect(keptAlive(late, "…", "10 seconds"))))
    yield* TestClock.adjust("10 seconds")
    yield* Deferred.fail(gate, "broken")
    expect(yield* Fiber.join(collected)).toMatchObject({ _tag: "Failure" })
    expect(yield* Stream.runCollect(keptAlive(Stream.make(1, 2), 0, "10 seconds"))).toEqual([1, 2])
  }),
)

const gatewayWith = (transcribe: Transcription["Service"]["transcribe"]) =>
  startGateway({ programs: Layer.merge(speechOf(), transcriptionOf(transcribe)) })

const send = (url: string, path = "transcriptions", fields: Record<string, string> = { stream: "true" }) => {
  const body = new FormData()
  body.append("file", new Blob(["RIFF"]), "speech.wav")
  for (const [name, value] of Object.entries({ model: "gpt-4o-transcribe", ...fields })) body.append(name, value)
  return Effect.promise(() => fetch(`${url}/v1/audio/${path}`, { method: "POST", body }))
}

it.live("an error behind the first segment is an event that clients know, and the connection is broken off", () =>
  Effect.gen(function* () {
    const { url } = yield* gatewayWith(() =>
      Effect.succeed({
        ...transcribed(),
        segments: Stream.concat(Stream.succeed(oneSegment("One.")), Stream.fail(undecodable("It stops."))),
      }),
    )
    const response = yield* send(url)
    let body = ""
    const ended = Effect.promise(async () => {
      for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) body += piece
      return "ended"
    })
    expect(yield* Effect.catchDefect(ended, () => Effect.succeed("broken off"))).toBe("broken off")
    const events = body.split("\n\n").filter((event) => event !== "")
    expect(events.map((event) => JSON.parse(event.replace(/^data: /, "")) as unknown)).toEqual([
      { type: "transcript.text.delta", delta: "One." },
      {
        error: expect.objectContaining({
          type: "invalid_request_error",
          message: expect.stringContaining("It stops."),
        }),
      },
    ])
  }),
)

it.live("a translation is asked of the program, and never comes in events", () =>
  Effect.gen(function* () {
    const asked: Array<unknown> = []
    const { url } = yield* gatewayWith((request) => {
      asked.push([request.translate, request.early])
      return Effect.succeed(transcribed("The birds are back."))
    })
    const response = yield* send(url, "translations")
    expect(yield* Effect.promise(() => response.json())).toMatchObject({ text: "The birds are back." })
    const verbose = yield* send(url, "translations", { response_format: "verbose_json" })
    expect(yield* Effect.promise(() => verbose.json())).toMatchObject({ task: "translate", language: "english" })
    expect(asked).toEqual([
      [true, undefined],
      [true, undefined],
    ])
    yield* send(url)
    expect(asked.at(-1)).toEqual([undefined, true])
  }),
)
