import { expect, layer } from "@effect/vitest"
import { Effect } from "effect"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import type { NimCalls } from "../../src/nim/NimFaults.ts"
import { fakeEngines, fakeSamplesPerCharacter, NimTest } from "../support/nim.ts"

// Asked with plain fetch and not with our own clients: two wrongs of ours must not make a right.
const call = Effect.fnUntraced(function* (path: string, init?: RequestInit) {
  const { url } = yield* NimTest
  const response = yield* Effect.promise((signal) => fetch(new URL(path, url), { signal, ...init }))
  const bytes = Buffer.from(yield* Effect.promise(() => response.arrayBuffer()))
  return { status: response.status, headers: response.headers, bytes, text: bytes.toString("utf8") }
})

const form = (fields: Record<string, string | Blob>) => {
  const body = new FormData()
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "string") body.append(name, value)
    else body.append(name, value, "upload.bin")
  }
  return { method: "POST", body }
}

const speech = { text: "Hi there.", language: "en-US", voice: "Magpie-Multilingual.EN-US.Mia" }
const wav = (milliseconds: number) =>
  new Blob([Buffer.concat([wavHeader(16_000, milliseconds * 32), new Uint8Array(milliseconds * 32)])])

layer(NimTest.layer, { excludeTestServices: true })("NimServer", (it) => {
  it.effect("lists its voices under one key of joined locales", () =>
    Effect.gen(function* () {
      const { text } = yield* call("/v1/audio/list_voices")
      const listed = JSON.parse(text) as Record<string, { voices: Array<string> }>
      const [key, ...others] = Object.keys(listed)
      expect([key, others]).toEqual(["en-US,es-US,fr-FR,de-DE,zh-CN,vi-VN,it-IT,hi-IN,ja-JP", []])
      expect(listed[key!]!.voices).toContain("Magpie-Multilingual.EN-US.Mia.Happy")
    }),
  )

  it.effect("streams headerless samples without a content type, at the rate that is asked for", () =>
    Effect.gen(function* () {
      const native = yield* call("/v1/audio/synthesize_online", form(speech))
      expect(native.status).toBe(200)
      expect(native.headers.get("content-type")).toBeNull()
      expect(native.bytes.length).toBe(speech.text.length * fakeSamplesPerCharacter * 2)
      const faster = yield* call("/v1/audio/synthesize_online", form({ ...speech, sample_rate_hz: "44100" }))
      expect(Math.abs(faster.bytes.length - native.bytes.length * 2)).toBeLessThanOrEqual(4)
    }),
  )

  it.effect("answers a whole WAV, also to an urlencoded form", () =>
    Effect.gen(function* () {
      const { bytes, headers } = yield* call("/v1/audio/synthesize", {
        method: "POST",
        body: new URLSearchParams({ ...speech, sample_rate_hz: "16000" }),
      })
      expect(headers.get("content-length")).toBe(String(bytes.length))
      expect(bytes.subarray(0, 44)).toEqual(Buffer.from(wavHeader(16_000, bytes.length - 44)))
    }),
  )

  for (const [what, fields, status, words] of [
    ["no text", { language: "en-US" }, 422, `"Field required"`],
    ["a blank text", { ...speech, text: "  " }, 400, "empty"],
    ["2,001 characters", { ...speech, text: "a".repeat(2_001) }, 400, "2000"],
    ["a voice in the wrong case", { ...speech, voice: "magpie-multilingual.en-us.mia" }, 400, "subvoice"],
    ["another encoding", { ...speech, encoding: "OGGOPUS" }, 400, "OGGOPUS"],
    ["a rate that is none", { ...speech, sample_rate_hz: "fast" }, 400, "fast"],
  ] as const) {
    it.effect(`refuses ${what} of a speech`, () =>
      Effect.gen(function* () {
        const refused = yield* call("/v1/audio/synthesize_online", form(fields))
        expect(refused.status).toBe(status)
        expect(refused.text).toContain(words)
        expect(JSON.parse(refused.text)).toHaveProperty("detail")
      }),
    )
  }

  it.effect("transcribes as JSON or text", () =>
    Effect.gen(function* () {
      const asked = { file: wav(1_500), language: "en-US" }
      const json = yield* call("/v1/audio/transcriptions", form(asked))
      expect(json.text).toBe(`{"text":"heard 1500 milliseconds"}`)
      const text = yield* call("/v1/audio/transcriptions", form({ ...asked, response_format: "text" }))
      expect(text.text).toBe("heard 1500 milliseconds")
      expect(text.headers.get("content-type")).toMatch(/^text\/plain/)
    }),
  )

  it.effect("answers an empty text to a container it does not know, as the real one does", () =>
    Effect.gen(function* () {
      for (const start of [
        [0x1a, 0x45, 0xdf, 0xa3],
        [0xff, 0xfb, 0x90, 0x64],
      ]) {
        const file = new Blob([new Uint8Array([...start, ...Array.from({ length: 500 }, () => 7)])])
        const heard = yield* call("/v1/audio/transcriptions", form({ file, language: "en-US" }))
        expect([heard.status, heard.text]).toEqual([200, `{"text":""}`])
      }
      const flac = yield* call("/v1/audio/transcriptions", form({ file: new Blob(["fLaC1234"]), language: "en-US" }))
      expect(flac.text).toBe(`{"text":"heard 8 bytes"}`)
    }),
  )

  for (const [what, fields, status, words] of [
    ["no file", { language: "en-US" }, 422, "file"],
    ["neither language nor model", { file: wav(10) }, 400, "Either language or model"],
    ["a language without its region", { file: wav(10), language: "en" }, 400, "language_code=en;"],
    [
      "OpenAI's model, which overrules the language",
      { file: wav(10), language: "en-US", model: "whisper-1" },
      400,
      "model=whisper-1",
    ],
    [
      "a format of OpenAI's",
      { file: wav(10), language: "en-US", response_format: "verbose_json" },
      400,
      "verbose_json",
    ],
  ] as const) {
    it.effect(`refuses ${what} of a transcription`, () =>
      Effect.gen(function* () {
        const refused = yield* call("/v1/audio/transcriptions", form(fields))
        expect(refused.status).toBe(status)
        expect(refused.text).toContain(words)
      }),
    )
  }

  it.effect("says that it is ready and live, and what it is", () =>
    Effect.gen(function* () {
      expect((yield* call("/v1/health/ready")).text).toBe(`{"status":"ready"}`)
      expect((yield* call("/v1/health/live")).status).toBe(200)
      expect((yield* call("/v1/version")).text).toContain("release")
      expect((yield* call("/v1/metadata")).text).toContain("fake-magpie")
      expect((yield* call("/v1/models")).text).toContain(`"id":"fake-parakeet"`)
      expect((yield* call("/v1/audio/speech", { method: "POST" })).status).toBe(404)
    }),
  )

  it.effect("takes, shows, uses up and clears faults over /faults", () =>
    Effect.gen(function* () {
      const post = (body: unknown) =>
        call("/faults", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
      const before = JSON.parse((yield* call("/faults/calls")).text) as NimCalls
      expect((yield* post([{ kind: "reject", status: 418, body: "{}", skip: 1, times: 2 }])).status).toBe(204)
      const statuses: Array<number> = []
      for (let i = 0; i < 4; i++) statuses.push((yield* call("/v1/audio/synthesize_online", form(speech))).status)
      expect(statuses).toEqual([200, 418, 418, 200])
      expect((yield* call("/faults")).text).toBe("[]")
      yield* post([{ kind: "wedge", text: "poison" }])
      expect((yield* call("/faults")).text).toBe(`[{"kind":"wedge","text":"poison"}]`)
      expect((yield* call("/faults", { method: "DELETE" })).status).toBe(204)
      expect((yield* call("/faults")).text).toBe("[]")
      const after = JSON.parse((yield* call("/faults/calls")).text) as NimCalls
      expect(after.routes.synthesize_online.finished - before.routes.synthesize_online.finished).toBe(4)
      for (const wrong of [[{ kind: "nonsense" }], { kind: "wedge" }]) {
        const refused = yield* post(wrong)
        expect(refused.status).toBe(400)
        expect(refused.text).toMatch(/takes a JSON list such as .*wedge.*docs\/nim\.md lists the kinds/)
        expect(refused.text).not.toContain("SchemaError")
      }
    }),
  )

  it.effect("stays wedged for every call of that engine until it is restarted, and ready all the while", () =>
    Effect.gen(function* () {
      const nim = yield* NimTest
      yield* nim.setFaults([{ kind: "wedge", text: "poison" }])
      const status = (text: string) =>
        Effect.map(call("/v1/audio/synthesize", form({ ...speech, text })), (answer) => answer.status)
      expect([yield* status("fine"), yield* status("poison"), yield* status("fine")]).toEqual([200, 500, 500])
      expect((yield* call("/v1/health/ready")).status).toBe(200)
      expect((yield* call("/v1/audio/transcriptions", form({ file: wav(10), language: "en-US" }))).status).toBe(200)
      const restarted = yield* call("/faults/restart", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: `{"loadingMillis":3600000}`,
      })
      expect(restarted.status).toBe(204)
      expect([yield* status("fine"), (yield* call("/v1/health/ready")).status]).toEqual([503, 503])
      // In place of the loading as well.
      yield* nim.setFaults([{ kind: "wedge", text: "poison" }])
      expect([yield* status("fine"), yield* status("poison")]).toEqual([200, 500])
      yield* nim.setFaults([])
      yield* nim.restart()
    }),
  )
})

layer(NimTest.layerWith(fakeEngines, { faults: false, serve: "magpie" }), { excludeTestServices: true })(
  "NimServer that is a Magpie alone, without faults",
  (it) => {
    it.effect("has neither the routes of faults nor those of Parakeet", () =>
      Effect.gen(function* () {
        for (const path of ["/faults", "/faults/calls", "/v1/audio/transcriptions"]) {
          expect((yield* call(path)).status).toBe(404)
        }
        expect((yield* call("/faults/restart", { method: "POST", body: "{}" })).status).toBe(404)
        expect((yield* call("/v1/audio/list_voices")).status).toBe(200)
        expect((yield* call("/v1/models")).text).not.toContain("parakeet")
      }),
    )

    it.effect("says which port is taken", () =>
      Effect.gen(function* () {
        const { url } = yield* NimTest
        const options = {
          host: "127.0.0.1",
          port: Number(url.port),
          serve: "both",
          realTime: false,
          faults: false,
        } as const
        const second = NimTest.layerWith(fakeEngines, options)
        const error = yield* Effect.flip(Effect.provide(NimTest, second))
        expect(error).toMatchObject({ message: expect.stringContaining(`:${url.port}: the port is taken`) })
      }),
    )
  },
)

layer(NimTest.layerRealTime, { excludeTestServices: true })("NimServer in real time", (it) => {
  it.effect("speaks no faster than it is heard, and begins at once", () =>
    Effect.gen(function* () {
      const { url } = yield* NimTest
      const start = performance.now()
      const response = yield* Effect.promise(() =>
        fetch(new URL("/v1/audio/synthesize_online", url), form({ ...speech, text: "abcdefghij" })),
      )
      const arrivals: Array<{ readonly at: number; readonly bytes: number }> = []
      yield* Effect.promise(async () => {
        for await (const chunk of response.body!) arrivals.push({ at: performance.now() - start, bytes: chunk.length })
      })
      const character = fakeSamplesPerCharacter * 2
      let heard = 0
      for (const { at, bytes } of arrivals) {
        // A chunk is due when all before it has been heard; timers may be a millisecond early.
        const before = Math.max(0, heard + bytes - character) / character
        expect(at).toBeGreaterThanOrEqual(Math.floor(before) * 70 - 5)
        heard += bytes
      }
      expect(heard).toBe(10 * character)
      expect(arrivals.length).toBeGreaterThan(3)
    }),
  )
})
