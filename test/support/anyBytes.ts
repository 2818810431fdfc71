import { wavHeader } from "../../src/audio/WavHeader.ts"
import { type Dice, makeDice } from "./dice.ts"

/**
 * What a client does on one connection: `pieces` are written one after another, then it goes in one of several ways. `pause`: milliseconds
 * between two of them, 0 for a turn of the event loop. `unread`: it takes nothing of what it is answered.
 */
export interface Conversation {
  readonly to: "http" | "wyoming"
  readonly pieces: ReadonlyArray<Buffer>
  readonly pause: number
  readonly unread: boolean
  readonly then: "listen" | "end" | "leave" | "reset"
}

/** What is known to clients that are no strangers. */
export interface Known {
  readonly key: string
  readonly adminToken: string
}

const noise = (dice: Dice, length: number) => Buffer.from(Array.from({ length }, () => dice.below(256)))

/** Names of what every object has, and others that are no names. */
const oddNames = ["constructor", "__proto__", "toString", "hasOwnProperty", "", " ", "\0", "\u{1F600}", "a".repeat(300)]

/** Texts by which an engine knows how it is to behave. */
const texts = (dice: Dice) =>
  dice.pick([
    `Hello ${dice.below(4)}.`,
    `New ${dice.below(1_000_000)}.`,
    `Never ${dice.below(3)}.`,
    `Never ${dice.below(1_000_000)}.`,
    `Halfway ${dice.below(1_000_000)}.`,
    `Fails ${dice.below(1_000_000)}.`,
    "<speak>One <break time='1s'/> two.</speak>",
    "<speak><speak>",
    dice.pick(oddNames),
  ])

/** How a head says what the body is, and the body. */
const framed = (dice: Dice, body: Buffer): readonly [ReadonlyArray<string>, Buffer] => {
  switch (dice.below(12)) {
    case 0: {
      const chunks: Array<Buffer> = []
      for (let at = 0; at < body.length;) {
        const size = 1 + dice.below(body.length)
        const chunk = body.subarray(at, at + size)
        const extension = dice.chance(0.2) ? `;${"x".repeat(dice.below(40))}` : ""
        chunks.push(Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`), chunk, Buffer.from("\r\n"))
        at += size
      }
      const trailer = dice.chance(0.3) ? "x-trailer: 1\r\n" : ""
      return [["transfer-encoding: chunked"], Buffer.concat([...chunks, Buffer.from(`0\r\n${trailer}\r\n`)])]
    }
    case 1:
      return [["transfer-encoding: chunked"], Buffer.concat([Buffer.from("zz\r\n"), body])]
    case 2:
      return [["transfer-encoding: chunked", "content-length: 3"], body]
    case 3:
      return [[`content-length: ${body.length + 1 + dice.below(2_000)}`], body]
    case 4:
      return [[`content-length: ${dice.below(body.length + 1)}`], body]
    default:
      return [[`content-length: ${body.length}`], body]
  }
}

const request = (dice: Dice, known: Known, line: string, more: ReadonlyArray<string> = [], body = Buffer.alloc(0)) => {
  const [framing, sent] = body.length === 0 && dice.chance(0.9) ? [[], body] : framed(dice, body)
  const version = dice.pick(["1.1", "1.1", "1.1", "1.1", "1.0", "1.0", "0.9", "2.0"])
  const token = line.includes(" /admin") ? known.adminToken : known.key
  const head = [
    `${line} HTTP/${dice.chance(0.9) && version > "1.1" ? "1.1" : version}`,
    ...(dice.chance(0.97) ? ["host: localhost"] : dice.pick([[], ["host: a", "host: b"], ["host: [::"]])),
    ...(dice.chance(0.95) ? [`authorization: Bearer ${token}`] : []),
    ...more,
    ...framing,
    ...dice.pick([
      ...Array.from({ length: 12 }, () => []),
      ["connection: close"],
      ["connection: keep-alive"],
      ["expect: 100-continue"],
      ["expect: tea"],
      ["connection: upgrade", `upgrade: ${dice.pick(["websocket", "h2c"])}`, "sec-websocket-key: AAAA"],
      ["idempotency-key: same"],
      [`idempotency-key: ${dice.below(1_000)}`],
      [`x: ${"y".repeat(dice.below(20_000))}`],
      ["cache-control: no-store"],
      ["content-encoding: gzip"],
      ["range: bytes=1-2"],
      ["traceparent: 00-00"],
      ["te: trailers"],
    ]),
  ]
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), sent])
}

const speech = (dice: Dice, known: Known) => {
  const body: Record<string, unknown> = { model: "tts-1", voice: "alloy", input: texts(dice) }
  if (dice.chance(0.7)) body["response_format"] = dice.pick(["wav", "pcm", "flac", "mp3", "opus"])
  if (dice.chance(0.2)) body["stream_format"] = "sse"
  if (dice.chance(0.1)) body["speed"] = dice.pick([0.25, 4, 2, 1e9, "1"])
  if (dice.chance(0.1)) body[dice.pick(["model", "voice", "language", "instructions", "input"])] = dice.pick(oddNames)
  if (dice.chance(0.05)) body[dice.pick(oddNames)] = 1
  const text = JSON.stringify(body)
  const sent = dice.chance(0.05) ? text.slice(0, dice.below(text.length)) : text
  return request(dice, known, "POST /v1/audio/speech", ["content-type: application/json"], Buffer.from(sent))
}

const recording = (dice: Dice) => {
  const samples = Buffer.alloc(2 * (1 + dice.below(8_000)))
  return dice.chance(0.9)
    ? Buffer.concat([wavHeader(16_000, samples.length), samples])
    : noise(dice, 1 + dice.below(500))
}

const field = (name: string, value: string | Buffer, further = "") =>
  Buffer.concat([
    Buffer.from(`--b\r\ncontent-disposition: form-data; name="${name}"${further}\r\n\r\n`),
    Buffer.from(value),
    Buffer.from("\r\n"),
  ])

const upload = (dice: Dice, known: Known) => {
  const line = `POST /v1/audio/${dice.pick(["transcriptions", "transcriptions", "translations"])}`
  const bytes = recording(dice)
  if (dice.chance(0.3)) {
    const data = dice.chance(0.9) ? bytes.toString("base64") : dice.pick(["", "*", "data:a,b", 7])
    const body = { model: "whisper-1", input_audio: { data, format: "wav" }, [dice.pick(oddNames)]: [[[1]]] }
    return request(dice, known, line, ["content-type: application/json"], Buffer.from(JSON.stringify(body)))
  }
  const parts = [
    field("model", dice.pick(["whisper-1", "whisper-1", "gpt-4o-transcribe", ...oddNames])),
    field("file", bytes, dice.pick(['; filename="a.wav"', '; filename="a.wav"', '; filename="\0"', ""])),
    field("response_format", dice.pick(["json", "text", "srt", "verbose_json", ...oddNames])),
    ...(dice.chance(0.3) ? [field("stream", "true")] : []),
    ...(dice.chance(0.1) ? [field(dice.pick(oddNames), noise(dice, 20))] : []),
    ...(dice.chance(0.05) ? [noise(dice, 100)] : []),
    ...(dice.chance(0.9) ? [Buffer.from("--b--\r\n")] : []),
  ]
  const type = dice.pick(["b", "b", "b", "b", "c", "", '"'])
  const body = Buffer.concat(parts)
  return request(dice, known, line, [`content-type: multipart/form-data; boundary=${type}`], body)
}

const paths = [
  ...["/", "/health/live", "/health/ready", "/metrics", "/docs", "/openapi.json", "/console", "/v1/models", "*", "//"],
  ...["/v1/models/constructor", "/v1/audio/voices", "/v1/audio/models", `/v1/audio/speech/${"0".repeat(64)}`, "/%zz"],
  ...[
    "/admin/accounts",
    "/admin/cache",
    "/admin/engines",
    "/admin/holds",
    "/admin/requests",
    "/admin/live",
    "/nowhere",
  ],
  ...["/admin/history?from=x", "/admin/engines/magpie/timeline", "/admin/keys", "/admin/settings", "/admin/rates/9"],
  ...["/v1/organization/costs", "http://elsewhere/v1/models", "/v1/models?a=%00", "/admin/accounts/%2e%2e"],
]

const oddLines = [
  ...["GARBAGE", "\0\0\0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n b: c", "\r\n\r\n\r\n"],
  ...["\x16\x03\x01\x02", "GET /\r\n\r\n", "GET / HTTP/1.1\nhost: a\n\n", "CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n"],
  ...["CONNECT a:1 HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc", "GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n"],
  ...["CONNECT a:1 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", "POST / HTTP/1.1\r\n"],
]

/** What is sent over HTTP, or what somebody takes for it. */
const overHttp = (dice: Dice, known: Known): Buffer => {
  switch (dice.below(10)) {
    case 0:
      return upload(dice, known)
    case 1:
      return Buffer.from(dice.pick(oddLines))
    case 2:
      return noise(dice, 1 + dice.below(300))
    case 3:
    case 4: {
      const method = dice.pick([
        "GET",
        "GET",
        "GET",
        "HEAD",
        "OPTIONS",
        "PUT",
        "DELETE",
        "PATCH",
        "TRACE",
        "QUERY",
        "get",
      ])
      return request(dice, known, `${method} ${dice.pick(paths)}`)
    }
    case 5: {
      const path = dice.pick([
        "/admin/accounts",
        "/admin/cache/voices",
        "/admin/keys",
        "/admin/rates",
        "/admin/quarantine/a",
      ])
      const body = Buffer.from(dice.pick(["{}", "[]", '{"name":"__proto__"}', "{", '{"voice":1}', "\0"]))
      return request(dice, known, `${dice.pick(["POST", "DELETE"])} ${path}`, ["content-type: application/json"], body)
    }
    default:
      return speech(dice, known)
  }
}

const event = (header: object, data?: unknown, payload = Buffer.alloc(0)) => {
  const further = data === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(data))
  const lengths = { data_length: further.length, payload_length: payload.length }
  return Buffer.concat([Buffer.from(`${JSON.stringify({ ...lengths, ...header })}\n`), further, payload])
}

const overWyoming = (dice: Dice): Buffer => {
  const sound = {
    rate: dice.pick([16_000, 16_000, 8_000, 0, 1e308, "x"]),
    width: 2,
    channels: dice.pick([1, 1, 2, 1e9]),
  }
  const voice = dice.pick([undefined, { name: "alloy" }, { name: dice.pick(oddNames) }, { language: "de_DE" }, 7])
  switch (dice.below(12)) {
    case 0:
      return event({ type: "describe" })
    case 1:
      return event({ type: "ping" }, { text: dice.pick<unknown>(["a", 7, null]) })
    case 2:
    case 3:
      return event({ type: "synthesize" }, { text: texts(dice), voice })
    case 4:
      return Buffer.concat([
        event({ type: "synthesize-start" }, { voice }),
        ...Array.from({ length: dice.below(5) }, () => event({ type: "synthesize-chunk" }, { text: texts(dice) })),
        ...(dice.chance(0.8) ? [event({ type: "synthesize-stop" })] : []),
      ])
    case 5:
      return event({ type: "audio-start" }, sound)
    case 6:
      return event({ type: "audio-chunk" }, sound, Buffer.alloc(dice.below(20_000)))
    case 7:
      return event({ type: "audio-stop" })
    case 8:
      return event({ type: "transcribe" }, { language: dice.pick<unknown>(["en", "xx", 7, ...oddNames]) })
    case 9:
      return event({ type: dice.pick(oddNames) }, dice.pick<unknown>([{}, { a: 1 }]))
    case 10:
      return event({
        type: "ping",
        [dice.pick(["data_length", "payload_length"])]: dice.pick<unknown>([-1, 1e9, 5, 0.5, "9", null, 2 ** 53]),
      })
    default:
      return dice.pick([
        Buffer.from(
          dice.pick(["{}\n", "[]\n", "null\n", "{\n", "GET / HTTP/1.1\r\n\r\n", "[".repeat(70_000), '{"type":7}\n']),
        ),
        noise(dice, 1 + dice.below(300)),
      ])
  }
}

/** As segments may cut it: at any byte. */
const cut = (dice: Dice, bytes: Buffer): ReadonlyArray<Buffer> => {
  if (dice.chance(0.4)) return [bytes]
  const places = Array.from({ length: 1 + dice.below(6) }, () => dice.below(bytes.length + 1)).toSorted((a, b) => a - b)
  return [0, ...places]
    .map((start, i) => bytes.subarray(start, places[i] ?? bytes.length))
    .filter(({ length }) => length > 0)
}

/** Conversations that look random and are the same for the same seed. */
export const anyBytes = (seed: number, known: Known): (() => Conversation) => {
  const dice = makeDice(seed)
  return () => {
    const to = dice.chance(0.2) ? "wyoming" : "http"
    const deep = dice.pick([1, 1, 1, 2, 2, 3, 5, 20])
    const said = Array.from({ length: deep }, () => (to === "http" ? overHttp(dice, known) : overWyoming(dice)))
    const whole = Buffer.concat(said)
    const sent = dice.chance(0.15) ? whole.subarray(0, 1 + dice.below(whole.length)) : whole
    return {
      to,
      pieces: cut(dice, sent),
      pause: dice.pick([0, 0, 0, 0, 1, 5, 20]),
      unread: dice.chance(0.1),
      then: dice.pick(["listen", "listen", "end", "leave", "reset"]),
    }
  }
}
