/**
 * Home Assistant and its satellites speak Wyoming, not HTTP: what they ask for is spoken and heard by the same programs, with the same
 * cache, prices and limits. The exchange is the one of the protocol's document.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it, layer } from "@effect/vitest"
import { Context, Deferred, Effect, FileSystem, Layer, Logger, Redacted, Schedule, Stream } from "effect"
import { readFileSync } from "node:fs"
import { engines, services } from "../../src/Aviary.ts"
import { Accounts } from "../../src/billing/Accounts.ts"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { Scratch } from "../../src/scratch/Scratch.ts"
import { Settings } from "../../src/Settings.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { WyomingServer } from "../../src/wyoming/WyomingServer.ts"
import { startAviary } from "../support/aviary.ts"
import { rates } from "../support/billing.ts"
import { humanSpeech } from "../support/humanSpeech.ts"
import { type Received, wyomingClient } from "../support/wyomingClient.ts"
import { wordErrors } from "../support/wordErrors.ts"

type Written = NonNullable<Parameters<typeof Settings.layerTest>[0]>

/** With `TEST_BEHIND_AVIARY` in the environment the engines of another gateway, as in `startAviary`. */
const behind = Effect.gen(function* () {
  if (process.env["TEST_BEHIND_AVIARY"] === undefined) return {}
  const { url } = yield* startAviary(undefined, { embeddedRecognizer: "tiny" })
  return { magpieUrl: url, parakeetUrl: url }
})

/** The whole gateway but for its HTTP server, on a free port. */
const wyoming = (settings: Written, own?: Layer.Layer<MagpieClient | ParakeetClient>) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-test-" })
      const urls = own === undefined ? yield* behind : {}
      return WyomingServer.layer.pipe(
        Layer.provideMerge(services),
        Layer.provide(own ?? engines),
        Layer.provideMerge(
          Settings.layerTest({ dataDir, wyomingPort: "0", embeddedRecognizer: "tiny", ...urls, ...settings }),
        ),
        Layer.provide(Logger.layer([])),
      )
    }),
  ).pipe(Layer.provideMerge(NodeServices.layer))

const connected = Effect.flatMap(WyomingServer, ({ port }) => wyomingClient(port!))

const [, { recording, text: said }] = humanSpeech
const samples = readFileSync(recording.path).subarray(44)

const chunks = (bytes: Uint8Array, size = 2_048) =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))

const mono = { rate: 16_000, width: 2, channels: 1 }

const audioOf = (events: ReadonlyArray<Received>) =>
  Buffer.concat(events.filter(({ type }) => type === "audio-chunk").map(({ payload }) => payload))
const typesOf = (events: ReadonlyArray<Received>) =>
  events.map(({ type }) => type).filter((type, i, all) => type !== all[i - 1])

layer(wyoming({}), { excludeTestServices: true, timeout: "2 minutes" })("Wyoming", (it) => {
  it.effect("describes what there is, and answers a ping", () =>
    Effect.gen(function* () {
      const client = yield* connected
      client.send("describe")
      const { data, type } = (yield* client.next)!
      expect(type).toBe("info")
      expect(data["asr"]).toMatchObject([
        {
          name: expect.any(String),
          attribution: { name: expect.any(String), url: expect.any(String) },
          installed: true,
          supports_transcript_streaming: true,
          models: [{ name: "moonshine-tiny", languages: ["en-US"], installed: true }],
        },
      ])
      const [{ supports_synthesize_streaming, voices }] = data["tts"] as [
        { supports_synthesize_streaming: boolean; voices: ReadonlyArray<{ name: string }> },
      ]
      expect(supports_synthesize_streaming).toBe(true)
      expect(voices[0]).toMatchObject({ name: "Flite.EN-US.SLT", languages: ["en-US"], installed: true })
      client.send("ping", { text: "there?" })
      expect(yield* client.next).toMatchObject({ type: "pong", data: { text: "there?" } })
    }),
  )

  it.effect("writes down what it hears, as it hears it and then whole", () =>
    Effect.gen(function* () {
      const client = yield* connected
      client.send("transcribe", { language: "en" })
      client.send("audio-start", mono, undefined, true)
      for (const chunk of chunks(samples)) client.send("audio-chunk", mono, chunk, true)
      client.send("audio-stop")
      const events = yield* client.until("transcript-stop")
      expect(typesOf(events)).toEqual(["transcript-start", "transcript-chunk", "transcript", "transcript-stop"])
      const whole = String(events.find(({ type }) => type === "transcript")!.data["text"])
      expect(wordErrors(said, whole), whole).toBeLessThanOrEqual(1)
      const parts = events.filter(({ type }) => type === "transcript-chunk").map(({ data }) => String(data["text"]))
      expect(parts.join("").trim()).toBe(whole)
    }),
  )

  it.effect("speaks a text in whole samples, and what it has spoken before it takes from the cache", () =>
    Effect.gen(function* () {
      const client = yield* connected
      const asked = { text: "He might even have been made amiable himself.", voice: { name: "Flite.EN-US.RMS" } }
      client.send("synthesize", asked)
      const events = yield* client.until("audio-stop")
      expect(typesOf(events)).toEqual(["audio-start", "audio-chunk", "audio-stop"])
      expect(events[0]!.data).toEqual({ rate: 24_000, width: 2, channels: 1 })
      for (const { payload } of events) expect(payload.length % 2).toBe(0)
      const { entries } = yield* Effect.flatMap(AtomicCache, ({ stats }) => stats)
      client.send("synthesize", asked)
      const again = yield* client.until("audio-stop")
      expect(audioOf(again).equals(audioOf(events))).toBe(true)
      for (const { payload } of again) expect(payload.length % 2).toBe(0)
      expect((yield* Effect.flatMap(AtomicCache, ({ stats }) => stats)).entries).toBe(entries)
    }),
  )

  it.effect("speaks the first sentence of a text that is still arriving, and each once", () =>
    Effect.gen(function* () {
      const client = yield* connected
      const first = "The birds are back in town today. "
      const rest = ["Nobody ", "knows ", "why."]
      client.send("synthesize-start", { voice: { name: "Flite.EN-US.RMS" } })
      client.send("synthesize-chunk", { text: first })
      client.send("synthesize-chunk", { text: rest[0] })
      const early = yield* client.until("audio-stop")
      expect(typesOf(early)).toEqual(["audio-start", "audio-chunk", "audio-stop"])
      for (const text of rest.slice(1)) client.send("synthesize-chunk", { text })
      client.send("synthesize", { text: first + rest.join("") })
      client.send("synthesize-stop")
      const late = yield* client.until("synthesize-stopped")
      expect(typesOf(late)).toEqual(["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"])

      client.send("transcribe")
      const heard = Buffer.concat([audioOf(early), audioOf(late)])
      client.send("audio-start", { ...mono, rate: 24_000 })
      for (const chunk of chunks(heard)) client.send("audio-chunk", { ...mono, rate: 24_000 }, chunk)
      client.send("audio-stop")
      const transcript = (yield* client.until("transcript-stop")).find(({ type }) => type === "transcript")
      const whole = String(transcript!.data["text"])
      expect(wordErrors(first + rest.join(""), whole), whole).toBeLessThanOrEqual(2)
    }),
  )

  it.effect("passes over events that it does not know, whatever they are called", () =>
    Effect.gen(function* () {
      const client = yield* connected
      for (const type of ["detect", "", "constructor", "toString", "hasOwnProperty", "__proto__"]) client.send(type)
      client.send("ping", { text: "still here" })
      expect(yield* client.next).toMatchObject({ type: "pong", data: { text: "still here" } })
    }),
  )

  it.effect("says what is wrong and closes, rather than leave a client waiting", () =>
    Effect.gen(function* () {
      const unknown = yield* connected
      unknown.send("synthesize", { text: "Hello there.", voice: { name: "nobody" } })
      expect(yield* unknown.next).toMatchObject({ type: "error", data: { code: "voice_not_found" } })
      expect(yield* unknown.next).toBe(undefined)
      const broken = yield* connected
      broken.socket.write("GET / HTTP/1.1\r\n\r\n")
      expect(yield* broken.next).toMatchObject({ type: "error", data: { code: "invalid_value" } })
      expect(yield* broken.next).toBe(undefined)
      const empty = yield* connected
      empty.send("audio-start", mono)
      empty.send("audio-stop")
      expect(yield* empty.next).toMatchObject({ type: "error", data: { code: "invalid_value" } })
    }),
  )
})

it.live.each([
  [{ "audio-start": { ...mono, rate: 0 } }, "'audio-start.rate'"],
  [{ "audio-chunk": { ...mono, width: 0 } }, "'audio-chunk.width'"],
  [{ "audio-start": mono, "audio-chunk": { ...mono, rate: 48_000 } }, "'audio-chunk.rate': expected 16000"],
  [{ transcribe: { language: 5 } }, "'transcribe.language'"],
  [{ synthesize: { text: "Hello.", voice: "alloy" } }, "'synthesize.voice'"],
  [{ "synthesize-start": {}, "synthesize-chunk": { text: ["Hello."] } }, "'synthesize-chunk.text'"],
] as const)("what cannot be meant is refused, not taken as unsaid: %j", ([sent, told]) =>
  Effect.gen(function* () {
    const client = yield* connected
    for (const [type, data] of Object.entries(sent)) client.send(type, data)
    // Answered only where nothing is refused.
    client.send("ping")
    const { data } = (yield* client.next)!
    expect(data).toMatchObject({ code: "invalid_value", text: expect.stringContaining(told) })
    expect(yield* client.next).toBe(undefined)
  }).pipe(
    Effect.scoped,
    Effect.provide(wyoming({}, Layer.merge(MagpieClient.layerTest(), ParakeetClient.layerTest()))),
  ),
)

const unending = () => {
  const started = Deferred.makeUnsafe<void>()
  const ended = Deferred.makeUnsafe<void>()
  const hold = <A>(first: Stream.Stream<A>) =>
    Stream.concat(
      Stream.concat(Stream.fromEffectDrain(Deferred.succeed(started, undefined)), first),
      Stream.fromEffectDrain(Effect.never),
    ).pipe(Stream.ensuring(Deferred.succeed(ended, undefined)))
  return { started, ended, hold }
}

it.live("a client that goes ends the engine's call, and leaves nothing", () =>
  Effect.gen(function* () {
    const [speech, hearing] = [unending(), unending()]
    const own = Layer.merge(
      MagpieClient.layerTest({
        synthesize: () => speech.hold(Stream.succeed({ sampleRate: 24_000, samples: new Int16Array(4_800) })),
      }),
      ParakeetClient.layerTest({ transcribe: () => hearing.hold(Stream.empty) }),
    )
    yield* Effect.gen(function* () {
      const speaker = yield* connected
      speaker.send("synthesize", { text: "A sentence to say.", voice: { name: "alloy" } })
      expect((yield* speaker.next)?.type).toBe("audio-start")
      speaker.socket.end()
      yield* Deferred.await(speech.ended)

      const listener = yield* connected
      listener.send("audio-start", mono)
      listener.send("audio-chunk", mono, samples.subarray(0, 64_000))
      listener.send("audio-stop")
      yield* Deferred.await(hearing.started)
      listener.socket.resetAndDestroy()
      yield* Deferred.await(hearing.ended)
      const { recordings, uploads } = yield* Scratch
      yield* Effect.all([recordings.files, uploads.files]).pipe(
        Effect.repeat({ until: (found) => found.flat().length === 0, schedule: Schedule.spaced("10 millis") }),
        Effect.timeout("1 minute"),
      )
    }).pipe(Effect.scoped, Effect.provide(wyoming({}, own)))
  }),
)

it.live("a client that stays and reads nothing is cut, as over HTTP", () =>
  Effect.gen(function* () {
    const own = Layer.merge(
      MagpieClient.layerTest({
        synthesize: ({ text }) => Stream.make({ sampleRate: 24_000, samples: new Int16Array(1_700 * text.length) }),
      }),
      ParakeetClient.layerTest(),
    )
    yield* Effect.gen(function* () {
      const { send, socket } = yield* connected
      socket.pause()
      // 13 MB of audio: more than a connection takes without a reader.
      send("synthesize", { text: "This takes five minutes to say. ".repeat(120), voice: { name: "alloy" } })
      // Nobody hears of a reset who neither reads nor writes.
      yield* Effect.repeat(
        Effect.sync(() => (send("ping"), socket.destroyed)),
        { until: (isCut) => isCut, schedule: Schedule.spaced("50 millis") },
      )
    }).pipe(Effect.scoped, Effect.provide(wyoming({ readerTimeout: "300 millis" }, own)))
  }),
)

it.live("a recording that begins takes the place of one that was never stopped", () =>
  Effect.gen(function* () {
    const client = yield* connected
    for (let begun = 0; begun < 8; begun++) client.send("audio-start", mono)
    client.send("ping", { text: "all begun" })
    expect(yield* client.next).toMatchObject({ type: "pong" })
    const { uploads } = yield* Scratch
    expect(yield* uploads.files).toHaveLength(1)
  }).pipe(
    Effect.scoped,
    Effect.provide(wyoming({}, Layer.merge(MagpieClient.layerTest(), ParakeetClient.layerTest()))),
  ),
)

it.live("offers the languages that are set and a voice before any is listed, and tells all parts of a transcript", () =>
  Effect.gen(function* () {
    const heard = ["One part.", " And another."]
    const segments = heard.map((text, i) => ({ startMs: 1_000 * i, endMs: 1_000 * i + 900, text }))
    const own = Layer.merge(
      MagpieClient.layerTest({ voices: Effect.never }),
      ParakeetClient.layerTest({ transcribe: () => Stream.fromIterable(segments) }),
    )
    yield* Effect.gen(function* () {
      const client = yield* connected
      client.send("describe")
      const { data } = (yield* client.next)!
      expect(data["asr"]).toMatchObject([{ models: [{ languages: ["de-DE", "fr-FR"] }] }])
      expect(data["tts"]).toMatchObject([{ voices: [{ name: "alloy", languages: ["en-US"] }] }])
      client.send("audio-start", mono)
      client.send("audio-chunk", mono, samples.subarray(0, 64_000))
      client.send("audio-stop")
      const events = yield* client.until("transcript-stop")
      expect(events.flatMap(({ data: { text } }) => text ?? [])).toEqual([...heard, heard.join("")])
    }).pipe(Effect.scoped, Effect.provide(wyoming({ wyomingLanguages: "de-DE,fr-FR" }, own)))
  }),
)

it.live("where keys are on, a key of its own pays, in full and no more than it has", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const dataDir = yield* fs.makeTempDirectoryScoped()
    const own = Layer.merge(MagpieClient.layerTest(), ParakeetClient.layerTest())
    const without = yield* Effect.flip(Effect.scoped(Layer.build(wyoming({ access: "keys" }, own))))
    expect(String(without)).toContain("AVIARY_WYOMING_KEY")

    const prepared = yield* Effect.gen(function* () {
      const accounts = yield* Accounts
      yield* accounts.publishRates(rates)
      const { id } = yield* accounts.open({ name: "Home", terms: { kind: "prepaid", overdraft: 0 } })
      yield* accounts.deposit({ accountId: id, amount: 1_000 })
      return { id, key: (yield* accounts.createKey({ accountId: id, name: "Wyoming" })).text }
    }).pipe(Effect.provide(wyoming({ access: "keys", dataDir, wyomingKey: "0123456789abcdef" }, own)))

    yield* Effect.gen(function* () {
      const client = yield* connected
      client.send("transcribe")
      client.send("audio-start", mono)
      client.send("audio-chunk", mono, new Uint8Array(64_000))
      client.send("audio-stop")
      expect((yield* client.until("transcript-stop")).at(-1)?.type).toBe("transcript-stop")
      const accounts = yield* Accounts
      const paid = yield* accounts.get(prepared.id)
      expect(paid.balance).toBeLessThan(1_000)
    }).pipe(
      Effect.scoped,
      Effect.provide(wyoming({ access: "keys", dataDir, wyomingKey: Redacted.value(prepared.key) }, own)),
    )
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)

it.live("is off unless a port is said", () =>
  Effect.gen(function* () {
    const own = Layer.merge(MagpieClient.layerTest(), ParakeetClient.layerTest())
    const context = yield* Layer.build(
      WyomingServer.layer.pipe(
        Layer.provideMerge(services),
        Layer.provide(own),
        Layer.provideMerge(
          Settings.layerTest({
            dataDir: yield* Effect.flatMap(FileSystem.FileSystem, (fs) => fs.makeTempDirectoryScoped()),
          }),
        ),
      ),
    )
    expect(Context.get(context, WyomingServer).port).toBe(undefined)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)),
)
