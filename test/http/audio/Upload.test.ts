import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, FileSystem, Layer, Path, Schedule, Schema } from "effect"
import { NodeServices } from "@effect/platform-node"
import { createHash, randomBytes } from "node:crypto"
import { ErrorEnvelope } from "../../../src/contract/ErrorEnvelope.ts"
import { Scratch } from "../../../src/scratch/Scratch.ts"
import { Transcription, type TranscriptionRequest } from "../../../src/transcription/Transcription.ts"
import { speechOf, startGateway, type Parts, transcribed } from "../../support/gateway.ts"
import { rawConnection } from "../../support/rawHttp.ts"

const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/** A gateway whose transcription tells the SHA-256 of what it found on disk, and the folder that uploads go to. */
const uploadGateway = Effect.fnUntraced(function* (settings: Parts["settings"] = {}) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const dataDir = yield* fs.makeTempDirectoryScoped()
  const requests: Array<TranscriptionRequest> = []
  const transcribe: Transcription["Service"]["transcribe"] = (request) =>
    fs.readFile(request.path).pipe(
      Effect.orDie,
      Effect.map((bytes) => {
        requests.push(request)
        return transcribed(sha(bytes))
      }),
    )
  const gateway = yield* startGateway({
    programs: Layer.merge(speechOf(), Layer.succeed(Transcription, { transcribe })),
    settings: { dataDir, ...settings },
  })
  const tmp = path.join(dataDir, "tmp")
  /** Waits until no upload is left: the request's scope closes after the answer was sent. */
  const { files } = Context.get(gateway.services, Scratch).uploads
  const swept = files.pipe(
    Effect.flatMap((left) => (left.length === 0 ? Effect.void : Effect.fail("left"))),
    Effect.eventually,
    Effect.timeout("1 minute"),
  )
  return { ...gateway, dataDir, tmp, files, swept, requests }
})

const form = (fields: ReadonlyArray<readonly [string, string | Blob]>) => {
  const data = new FormData()
  for (const [name, value] of fields) {
    if (typeof value === "string") data.append(name, value)
    else data.append(name, value, "speech.wav")
  }
  return data
}
const send = (url: string, fields: ReadonlyArray<readonly [string, string | Blob]>) =>
  Effect.promise(() => fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form(fields) }))
const told = Effect.fnUntraced(function* (response: Response) {
  const { error } = Schema.decodeUnknownSync(ErrorEnvelope)(yield* Effect.promise(() => response.json()))
  return [response.status, error.code, error.param]
})
const bytes = randomBytes(300_000)
const file = new Blob([bytes])

describe("a form", () => {
  it.live("takes no memory any more where it is on the disk", () =>
    Effect.gen(function* () {
      const { requests, swept, url } = yield* uploadGateway()
      const large = randomBytes(5_000_000)
      const { prototype } = ArrayBuffer
      const transfer = Object.getOwnPropertyDescriptor(prototype, "transfer")!
      let given = 0
      const noted = function (this: ArrayBuffer, length?: number): ArrayBuffer {
        if (length === 0) given += this.byteLength
        return (transfer.value as typeof noted).call(this, length)
      }
      yield* Effect.acquireRelease(
        Effect.sync(() => Object.defineProperty(prototype, "transfer", { ...transfer, value: noted })),
        () => Effect.sync(() => Object.defineProperty(prototype, "transfer", transfer)),
      )
      const response = yield* send(url, [
        ["file", new Blob([large])],
        ["model", "whisper-1"],
      ])
      expect(yield* Effect.promise(() => response.json())).toMatchObject({ text: sha(large) })
      expect(requests.length).toBe(1)
      // But for what the first and the last piece share with the rest of the form.
      expect(given).toBeGreaterThan(4_000_000)
      yield* swept
    }).pipe(Effect.provide(NodeServices.layer)),
  )

  it.live("reaches the program as a file with the same bytes, which is gone afterwards", () =>
    Effect.gen(function* () {
      const { url, swept, requests, tmp } = yield* uploadGateway()
      const response = yield* send(url, [
        ["file", file],
        ["model", "whisper-1"],
        ["language", "en"],
      ])
      expect(response.status).toBe(200)
      expect(yield* Effect.promise(() => response.json())).toMatchObject({ text: sha(bytes) })
      expect(requests).toEqual([{ path: expect.stringContaining(tmp), model: "whisper-1", language: "en" }])
      yield* swept
    }).pipe(Effect.provide(NodeServices.layer)),
  )

  it.live("may have its fields in any order, repeated as lists, and unknown ones among them", () =>
    Effect.gen(function* () {
      const { url, requests } = yield* uploadGateway()
      const response = yield* send(url, [
        ["stream", "false"],
        ["timestamp_granularities[]", "word"],
        ["timestamp_granularities[]", "segment"],
        ["model", "nvidia/parakeet-tdt-0.6b-v2"],
        ["prompt", ""],
        ["attachment", new Blob(["ignored"])],
        ["file", file],
        ["language", ""],
      ])
      expect(response.status).toBe(200)
      expect(requests[0]).toMatchObject({ model: "nvidia/parakeet-tdt-0.6b-v2", language: undefined })
    }).pipe(Effect.provide(NodeServices.layer)),
  )

  it.live.each([
    ["without a file", [["model", "whisper-1"]], [400, "missing_required_parameter", "file"]],
    [
      "with text for a file",
      [
        ["model", "whisper-1"],
        ["file", "text"],
      ],
      [400, "invalid_value", "file"],
    ],
    ["without a model", [["file", file]], [400, "missing_required_parameter", "model"]],
    [
      "with an unknown model",
      [
        ["file", file],
        ["model", "tts-1"],
      ],
      [404, "model_not_found", "model"],
    ],
    [
      "with two files",
      [
        ["file", file],
        ["file", file],
        ["model", "whisper-1"],
      ],
      [400, "invalid_value", "file"],
    ],
    [
      "in a format that is not there",
      [
        ["file", file],
        ["model", "whisper-1"],
        ["response_format", "lrc"],
      ],
      [400, "unsupported_value", "response_format"],
    ],
    [
      "with a long field",
      [
        ["file", file],
        ["model", "whisper-1"],
        ["prompt", "x".repeat(65_537)],
      ],
      [413, "field_too_large", null],
    ],
    ["with many fields", Array.from({ length: 65 }, (_, i) => [`f${i}`, "x"]), [413, "too_many_parts", null]],
  ] as Array<[string, Array<[string, string | Blob]>, unknown]>)(
    "%s is told so, and leaves nothing",
    ([, fields, expected]) =>
      Effect.gen(function* () {
        const { url, swept, requests } = yield* uploadGateway()
        expect(yield* told(yield* send(url, fields))).toEqual(expected)
        expect(requests).toEqual([])
        yield* swept
      }).pipe(Effect.provide(NodeServices.layer)),
  )
})

describe("a form over the limit", () => {
  it.live("is refused by its declared length, before it is sent", () =>
    Effect.gen(function* () {
      const { port, swept } = yield* uploadGateway({ uploadMaxBytes: "100000" })
      const { socket, seen } = yield* rawConnection(port)
      socket.write(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 100001\r\nexpect: 100-continue\r\n\r\n",
      )
      const answer = yield* seen('"request_too_large"')
      expect(answer).toMatch(/^HTTP\/1.1 413 /)
      expect(answer).toContain("Maximum content size limit (100000) exceeded")
      yield* swept
    }).pipe(Effect.provide(NodeServices.layer)),
  )

  it.live("is refused where it passes the limit when it does not say its length", () =>
    Effect.gen(function* () {
      const { port, swept, requests } = yield* uploadGateway({ uploadMaxBytes: "1000000" })
      const { socket, seen } = yield* rawConnection(port)
      const part = `--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n`
      socket.write(
        `POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ntransfer-encoding: chunked\r\n\r\n${part.length.toString(16)}\r\n${part}\r\n`,
      )
      const chunk = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65_536), Buffer.from("\r\n")])
      for (let sent = 0; sent < 20; sent++) socket.write(chunk)
      const answer = yield* seen("Maximum content size limit (1000000) exceeded")
      expect(answer).toContain("HTTP/1.1 413")
      expect(requests).toEqual([])
      yield* swept
    }).pipe(Effect.provide(NodeServices.layer)),
  )
})

const beginning =
  'POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 5000\r\n\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\nRIFF'

/** The same with the recording in JSON. */
const sendJson = (url: string, fields: Readonly<Record<string, unknown>>) =>
  Effect.promise(() =>
    fetch(`${url}/v1/audio/transcriptions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "whisper-1", input_audio: { data: bytes.toString("base64") }, ...fields }),
    }),
  )

it.live("a list of a million words is refused as too long, however it comes, and holds up nobody", () =>
  Effect.gen(function* () {
    const { requests, url } = yield* uploadGateway()
    const words = (count: number) => Array.from({ length: count }, () => "a")
    const tooLong = [400, "invalid_value", "keywords"]
    expect(yield* told(yield* sendJson(url, { keywords: words(1_000_000) }))).toEqual(tooLong)
    const fields = Array.from({ length: 50 }, () => ["keywords", words(32_000).join()] as const)
    expect(yield* told(yield* send(url, [["file", file], ["model", "whisper-1"], ...fields]))).toEqual(tooLong)
    expect(yield* told(yield* sendJson(url, { prompt: "a".repeat(65_537) }))).toEqual([413, "field_too_large", null])

    const unknown = Object.fromEntries(words(300_000).map((_, index) => [`unknown ${index}`, 1]))
    const taken = yield* sendJson(url, { ...unknown, keywords: words(1_000), prompt: "a".repeat(65_536) })
    expect(taken.status).toBe(200)
    expect(requests.map(({ keywords = [], prompt = "" }) => [keywords.length, prompt.length])).toEqual([
      [1_000, 65_536],
    ])
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("a slow upload gets 408 after the upload timeout, and leaves no file", () =>
  Effect.gen(function* () {
    const { port, swept } = yield* uploadGateway({ uploadTimeout: "100 millis" })
    const { socket, seen } = yield* rawConnection(port)
    socket.write(beginning)
    expect(yield* seen('"request_timeout"')).toMatch(/^HTTP\/1.1 408 /)
    yield* swept
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("a client that leaves in the middle of its upload leaves nothing", () =>
  Effect.gen(function* () {
    const { port, swept, files, requests } = yield* uploadGateway()
    const { socket } = yield* rawConnection(port)
    socket.write(beginning)
    const arrived = files.pipe(
      Effect.flatMap((found) => (found.length > 0 ? Effect.void : Effect.fail("not yet"))),
      Effect.eventually,
    )
    yield* arrived
    socket.destroy()
    yield* swept
    expect(requests).toEqual([])
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("a second gateway that starts and stops on the same data directory leaves an upload under way alone", () =>
  Effect.gen(function* () {
    const { port, swept, files, requests, dataDir } = yield* uploadGateway()
    const { socket, seen } = yield* rawConnection(port)
    const [head = "", ...audio] = beginning.split("RIFF")
    const end = '\r\n--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--\r\n'
    const body = head.slice(head.indexOf("--b")) + "RIFF" + end
    socket.write(head.replace("5000", String(body.length)) + "RIFF" + audio.join(""))
    yield* files.pipe(Effect.repeat({ until: (found) => found.length === 1, schedule: Schedule.spaced("5 millis") }))
    yield* Effect.scoped(startGateway({ settings: { dataDir } }))
    expect(yield* files).toHaveLength(1)
    socket.write(end)
    expect(yield* seen('"text"')).toContain(sha(Buffer.from("RIFF")))
    yield* swept
    expect(requests).toHaveLength(1)
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("a form that ends in the middle is malformed, not transcribed", () =>
  Effect.gen(function* () {
    const { port, swept, requests } = yield* uploadGateway()
    const { socket, seen } = yield* rawConnection(port)
    socket.write(beginning.replace("content-length: 5000", "content-length: 73"))
    expect(yield* seen('"invalid_multipart"')).toMatch(/^HTTP\/1.1 400 /)
    yield* swept
    expect(requests).toEqual([])
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("a disk that takes nothing is the gateway's fault, not the client's", () =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { url, tmp } = yield* uploadGateway()
    yield* fs.writeFileString(tmp, "in the way")
    const response = yield* send(url, [
      ["file", file],
      ["model", "whisper-1"],
    ])
    expect(yield* told(response)).toEqual([503, "storage_unavailable", null])
  }).pipe(Effect.provide(NodeServices.layer)),
)

it.live("a delimiter in place of a part's headers is malformed, not a fault of the gateway's", () =>
  Effect.gen(function* () {
    const { port, swept } = yield* uploadGateway()
    const body = '--b\r\ncontent-disposition: form-data; name="model"\r\n\r\n--bx\r\n--b--\r\n'
    const { socket, seen } = yield* rawConnection(port)
    socket.write(
      `POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
    expect(yield* seen('"invalid_multipart"')).toMatch(/^HTTP\/1.1 400 /)
    yield* swept
  }).pipe(Effect.provide(NodeServices.layer)),
)
