import { seededRandom } from "./seededRandom.ts"

/** What the client does once it has sent the bytes. */
export type Afterwards = "wait" | "end" | "leave"

/**
 * A request that deserves no 2xx.
 *
 * @property wordless whether an answer without a body is in order: to HEAD, and Node's own to what lacks a host
 */
export interface BadRequest {
  readonly kind: string
  readonly bytes: Buffer
  readonly afterwards: Afterwards
  readonly wordless: boolean
}

const speech = { model: "tts-1", input: "Hello.", voice: "alloy", response_format: "mp3", speed: 1 }
const paths = [
  "/v1/models",
  "/v1/audio/speech",
  "/v1/audio/transcriptions",
  "/v1/audio/voices",
  "/health/live",
  "/docs",
]

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** A generator of bad requests that repeats itself for the same seed. */
export const badRequests = (seed: number): (() => BadRequest) => {
  const below = seededRandom(seed)
  const pick = <A>(items: ReadonlyArray<A>): A => items[below(items.length)]!
  const noise = (length: number) => Buffer.from(Array.from({ length }, () => below(256)))
  const word = () => Array.from({ length: 1 + below(12) }, () => pick(Array.from("abcxyz019-_"))).join("")
  const framed = (method: string, path: string, headers: ReadonlyArray<string>, body: Buffer): Buffer => {
    const length = below(2) === 0
    const head = [
      `${method} ${path} HTTP/1.1`,
      "host: localhost",
      ...headers,
      ...(body.length === 0 ? [] : [length ? `content-length: ${body.length}` : "transfer-encoding: chunked"]),
    ]
    const sent =
      body.length === 0 || length
        ? body
        : Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n0\r\n\r\n")])
    return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), sent])
  }
  const json = (body: string | Buffer) =>
    framed("POST", "/v1/audio/speech", ["content-type: application/json"], Buffer.from(body))
  const form = (body: Buffer, boundary = "b") =>
    framed("POST", "/v1/audio/transcriptions", [`content-type: multipart/form-data; boundary=${boundary}`], body)
  const field = (name: string, value: string | Buffer, extra = "") =>
    Buffer.concat([
      Buffer.from(`--b\r\ncontent-disposition: form-data; name="${name}"${extra}\r\n\r\n`),
      Buffer.from(value),
      Buffer.from("\r\n"),
    ])
  const file = () => field("file", noise(below(2_000)), '; filename="a.wav"')
  const end = Buffer.from("--b--\r\n")
  const all = (...parts: ReadonlyArray<Buffer>) => Buffer.concat(parts)

  const kinds: ReadonlyArray<readonly [string, () => Buffer | (Partial<BadRequest> & { readonly bytes: Buffer })]> = [
    [
      "malformed JSON",
      () => {
        const text = JSON.stringify(speech)
        const cut = text.slice(0, below(text.length))
        const broken = pick([cut, `${text}}`, text.replaceAll('"', "'"), noise(below(300)).toString("latin1"), "\0"])
        return json(isJson(broken) ? `{${broken}` : broken)
      },
    ],
    ["JSON that is no object", () => json(pick(["[]", "null", "7", '"text"', "true", `[${JSON.stringify(speech)}]`]))],
    [
      "a wrong type",
      () => {
        const wrong: unknown = pick([[], {}, true, { id: 7 }, [null], -1e308])
        return json(JSON.stringify({ ...speech, [pick(Object.keys(speech))]: wrong }))
      },
    ],
    [
      "a value out of range",
      () =>
        json(
          JSON.stringify({
            ...speech,
            ...pick<object>([
              { speed: below(2) === 0 ? 4.01 + below(100) : -below(100) },
              { response_format: word() },
              { stream_format: "websocket" },
              { model: word() + "!" },
              { model: "x".repeat(257 + below(10_000)) },
              { voice: 7 },
              { language: "\0" },
              { sample_rate_hz: below(8_000) },
            ]),
          }),
        ),
    ],
    [
      "a missing field",
      () => {
        const { [pick(["model", "input"] as const)]: _, ...rest } = speech
        return json(JSON.stringify(rest))
      },
    ],
    ["deep JSON", () => json('{"input":'.repeat(1 + below(5_000)))],
    ["JSON that is too large", () => json(JSON.stringify({ ...speech, input: "x".repeat(262_144 + below(100_000)) }))],
    [
      "another content type",
      () =>
        framed(
          "POST",
          pick(["/v1/audio/speech", "/v1/audio/transcriptions"]),
          [`content-type: ${pick(["text/plain", "image/png", "application/x-www-form-urlencoded", word(), ";;;"])}`],
          Buffer.from(JSON.stringify(speech)),
        ),
    ],
    ["a form without a boundary", () => form(all(file(), end), "")],
    ["a form with another boundary", () => form(all(file(), field("model", "whisper-1"), end), word() + "z")],
    ["a form without a file", () => form(all(field("model", "whisper-1"), end))],
    ["a form without a model", () => form(all(file(), field(word() + "_", noise(20)), end))],
    ["a form with text for a file", () => form(all(field("file", noise(9)), field("model", "whisper-1"), end))],
    ["a form with an unknown model", () => form(all(field("model", word() + "!"), file(), end))],
    ["a form without an end", () => form(all(field("model", "whisper-1"), file()))],
    ["a form with a long field", () => form(all(field("prompt", "x".repeat(65_537 + below(1_000))), file(), end))],
    ["a form with many fields", () => form(all(...Array.from({ length: 66 }, () => field(word(), "x")), end))],
    ["a form with two files", () => form(all(file(), file(), field("model", "whisper-1"), end))],
    ["a form of noise", () => form(noise(below(3_000)))],
    [
      "a form with broken part headers",
      () => form(all(Buffer.from("--b\r\n"), noise(50), Buffer.from("\r\n\r\nx\r\n"), end)),
    ],
    [
      "a form that announces too much",
      () =>
        Buffer.from(
          `POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: ${26_214_401 + below(1e9)}\r\n\r\n--b`,
        ),
    ],
    [
      "a wrong method",
      () => {
        const method = pick(["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "CONNECT", "QUERY", "BREW"])
        const wordless = method === "CONNECT"
        return { bytes: framed(method, wordless ? "localhost:1" : pick(paths), [], Buffer.alloc(0)) }
      },
    ],
    [
      "GET where POST belongs",
      () => framed("GET", pick(["/v1/audio/speech", "/v1/audio/transcriptions"]), [], Buffer.alloc(0)),
    ],
    [
      "HEAD of nothing",
      () => ({ bytes: framed("HEAD", pick(["/v1/audio/speech", "/x"]), [], Buffer.alloc(0)), wordless: true }),
    ],
    [
      "an unknown path",
      () =>
        framed(
          pick(["GET", "POST"]),
          `/${pick(["v1", "admin", word()])}/${pick([word(), "%00", "%zz", "..%2f..%2fetc", "%F0%9F%98%80", "x".repeat(below(4_000))])}!`,
          pick([[], ["upgrade: websocket", "connection: upgrade"], ["cookie: " + word()]]),
          Buffer.alloc(0),
        ),
    ],
    [
      "an unknown model",
      () => framed("GET", `/v1/models/${pick([word(), "%00", "a/b", "%2F"])}!`, [], Buffer.alloc(0)),
    ],
    [
      "huge headers",
      () =>
        framed(
          "GET",
          "/v1/models",
          below(2) === 0
            ? [`x: ${"y".repeat(16_384 + below(50_000))}`]
            : Array.from({ length: 3_000 }, (_, i) => `x${i}: ${word()}`),
          Buffer.alloc(0),
        ),
    ],
    ["a huge path", () => framed("GET", `/${"x".repeat(16_400 + below(50_000))}`, [], Buffer.alloc(0))],
    ["null bytes in the head", () => framed("GET", pick(["/v1/models\0", "/\0"]), ["x: a\0b"], Buffer.alloc(0))],
    [
      "two ways to say the length",
      () =>
        Buffer.from(
          "POST /v1/audio/speech HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
    ],
    [
      "broken chunks",
      () =>
        Buffer.from(
          `POST ${pick(["/v1/audio/speech", "/v1/audio/transcriptions"])} HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${pick(["application/json", "multipart/form-data; boundary=b"])}\r\ntransfer-encoding: chunked\r\n\r\n${pick(["zz", "-1", "fffffffffffffffff"])}\r\n{\r\n`,
        ),
    ],
    ["an expectation", () => framed("POST", "/v1/audio/speech", [`expect: ${word()}`], Buffer.from("{}"))],
    ["no host", () => ({ bytes: Buffer.from(`GET /${word()} HTTP/1.1\r\n\r\n`), wordless: true })],
    [
      "not HTTP",
      () =>
        Buffer.concat([
          Buffer.from(pick(["\x16\x03\x01", "SSH-2.0-x", "\0", "{", "PRI * HTTP/2.0"])),
          noise(below(500)),
          Buffer.from("\r\n\r\n\r\n"),
        ]),
    ],
    [
      "another version",
      () => Buffer.from(`GET /nowhere HTTP/${pick(["9.9", "2.0", "x", "1.1.1"])}\r\nhost: localhost\r\n\r\n`),
    ],
    [
      "half a request",
      () => {
        const whole = pick([json(JSON.stringify(speech)), form(all(file(), field("model", "whisper-1"), end))])
        // A form is whole once its last delimiter is there; what may follow are 9 bytes of line and chunk ends.
        return {
          bytes: whole.subarray(0, 1 + below(whole.length - 12)),
          afterwards: pick<Afterwards>(["wait", "end", "leave"]),
        }
      },
    ],
  ]

  return () => {
    const [kind, make] = pick(kinds)
    const made = make()
    return { kind, afterwards: "wait", wordless: false, ...(Buffer.isBuffer(made) ? { bytes: made } : made) }
  }
}
