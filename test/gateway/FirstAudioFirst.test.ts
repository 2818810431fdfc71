/**
 * The first audio byte leaves as soon as the engine's first audio is encoded. Gateways that wait for the whole clip are
 * what users of voice assistants complain about most; and a 200 that is sent before there is audio turns every failure
 * of an engine into half a file. Shown by the order in which bytes arrive: the engine goes on only once the client has
 * its first bytes, so a gateway that buffers would wait for ever.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Deferred, Effect, Layer, Stream } from "effect"
import { NimEngines } from "../../src/nim/NimEngines.ts"
import { postSpeech, startAviary } from "../support/aviary.ts"
import { fakeEngines, NimTest } from "../support/nim.ts"

const second = { sampleRate: 22_050, samples: new Int16Array(22_050).fill(900) }
/** About 30 seconds of speech. */
const input = "Thirty seconds of speech are four hundred and fifty letters or so. ".repeat(7)

const gatedNim = (heard: Deferred.Deferred<void>) =>
  NimTest.layerWith(
    Layer.effect(
      NimEngines,
      Effect.map(NimEngines, (engines) => ({
        ...engines,
        synthesize: () =>
          Stream.concat(
            Stream.make(second),
            Stream.unwrap(
              Effect.as(Deferred.await(heard), Stream.fromIterable(Array.from({ length: 30 }, () => second))),
            ),
          ),
      })),
    ).pipe(Layer.provide(fakeEngines)),
  )

layer(NodeServices.layer, { excludeTestServices: true })("FirstAudioFirst", (it) => {
  it.effect.each(["mp3", "wav", "pcm"])(
    "the client has the first bytes of %s before the engine makes the rest",
    (format) =>
      Effect.gen(function* () {
        const heard = yield* Deferred.make<void>()
        const nim = yield* Layer.build(gatedNim(heard)).pipe(
          Effect.flatMap((context) => Effect.provide(NimTest, context)),
        )
        const { url } = yield* startAviary(nim)
        const response = yield* postSpeech(url, { input, response_format: format })
        expect(response.status).toBe(200)
        const reader = response.body!.getReader()
        const first = yield* Effect.promise(() => reader.read())
        expect(first.value!.length).toBeGreaterThan(0)
        expect((yield* nim.calls).working).toBe(1)
        yield* Deferred.succeed(heard, undefined)
        let bytes = first.value!.length
        for (;;) {
          const { done, value } = yield* Effect.promise(() => reader.read())
          if (done) break
          bytes += value.length
        }
        const perSecond = { mp3: 8_000, wav: 48_000, pcm: 48_000 }[format]!
        expect(bytes / perSecond).toBeCloseTo(31, 0)
      }),
  )

  it.effect("an engine that fails before its first audio is a status, not half a body", () =>
    Effect.gen(function* () {
      const nim = yield* Effect.flatMap(Layer.build(NimTest.layer), (context) => Effect.provide(NimTest, context))
      const answers: Array<[number, string]> = []
      for (const fault of [
        { kind: "reject", status: 500, body: { error: "no voice today" } },
        { kind: "cut", afterBytes: 0 },
        { kind: "mislabel", as: "html" },
        { kind: "mislabel", as: "json" },
        { kind: "shorten", afterBytes: 0 },
        { kind: "badStatusLine" },
        { kind: "loading" },
      ] as const) {
        // A gateway each: what one failure makes it think of the engine must not be in the answer to the next.
        const { url } = yield* startAviary(nim)
        yield* nim.setFaults([{ route: "synthesize_online", text: "A sentence to say", ...fault } as never])
        const response = yield* postSpeech(url)
        const body = (yield* Effect.promise(() => response.json())) as { error: { message: string; code: string } }
        answers.push([response.status, body.error.code])
        expect(response.headers.get("content-type")).toContain("application/json")
      }
      expect(answers).toMatchInlineSnapshot(`
        [
          [
            500,
            "engine_rejected",
          ],
          [
            502,
            "engine_unreachable",
          ],
          [
            502,
            "engine_malformed",
          ],
          [
            502,
            "engine_malformed",
          ],
          [
            502,
            "incomplete_audio",
          ],
          [
            502,
            "engine_malformed",
          ],
          [
            503,
            "engine_loading",
          ],
        ]
      `)
    }),
  )
})
