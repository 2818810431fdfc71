import { Effect } from "effect"
import { postSpeech } from "./aviary.ts"
import type { startPaying } from "./paying.ts"
import { jsonPost, rawConnection } from "./rawHttp.ts"

/** 100 code points: 100 micro-units, and seven seconds of audio. */
export const input =
  "A text of one hundred characters, so that each charge is easily seen in the books and told apart....".slice(0, 100)
const body = { model: "tts-1", voice: "alloy", input, response_format: "pcm" }
export const half = 50 * 1_544 * 2

export type World = Effect.Success<ReturnType<typeof startPaying>>

export const speak = (world: World, more: Record<string, unknown> = {}) =>
  Effect.gen(function* () {
    const response = yield* postSpeech(
      world.url,
      { ...body, ...more },
      { headers: { authorization: world.authorization } },
    )
    // A body that is broken off rejects.
    const bytes = yield* Effect.promise(() =>
      response.arrayBuffer().then(
        ({ byteLength }) => byteLength,
        () => "cut" as const,
      ),
    )
    return { status: response.status, cache: response.headers.get("x-cache"), bytes, headers: response.headers }
  })

/** The same over a connection that can be left at any moment. */
export const opened = Effect.fnUntraced(function* (world: World, more: Record<string, unknown> = {}) {
  const connection = yield* rawConnection(world.port)
  const post = jsonPost("/v1/audio/speech", { ...body, ...more })
  connection.socket.write(post.replace("\r\n", `\r\nauthorization: ${world.authorization}\r\n`))
  return connection
})

/** Bytes of audio in what came over a connection so far, with a length or in chunks. */
export const audioIn = (received: string): number => {
  const [head = "", ...rest] = received.split("\r\n\r\n")
  let body = rest.join("\r\n\r\n")
  if (/content-length/i.test(head)) return body.length
  let bytes = 0
  for (;;) {
    const [, size] = /^([0-9a-f]+)\r\n/i.exec(body) ?? []
    if (size === undefined) return bytes
    const from = size.length + 2
    bytes += Math.min(parseInt(size, 16), body.length - from)
    body = body.slice(from + parseInt(size, 16) + 2)
  }
}

const wav = (seconds: number) => {
  const bytes = Buffer.alloc(44 + seconds * 32_000)
  bytes.write("RIFF", 0)
  bytes.writeUInt32LE(bytes.length - 8, 4)
  bytes.write("WAVEfmt ", 8)
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(16_000, 24)
  bytes.writeUInt32LE(32_000, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write("data", 36)
  bytes.writeUInt32LE(seconds * 32_000, 40)
  return bytes
}

export const listen = (world: World, seconds: number) =>
  Effect.promise(() => {
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new Blob([wav(seconds)]), "speech.wav")
    return fetch(`${world.url}/v1/audio/transcriptions`, {
      method: "POST",
      headers: { authorization: world.authorization },
      body: form,
    }).then(async (response) => ({
      status: response.status,
      json: await response.json().catch(() => "cut" as const),
    }))
  })

/** Hears a recording over a connection that is left when the first byte of the text is there. */
export const heardAndLeft = Effect.fnUntraced(function* (world: World, seconds: number) {
  const { socket, seen, closed } = yield* rawConnection(world.port)
  const part = (head: string) => `--x\r\ncontent-disposition: form-data; ${head}\r\n\r\n`
  const form = Buffer.concat([
    Buffer.from(`${part('name="model"')}whisper-1\r\n${part('name="file"; filename="a.wav"')}`),
    wav(seconds),
    Buffer.from("\r\n--x--\r\n"),
  ])
  const head = [
    "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost",
    `authorization: ${world.authorization}`,
    "content-type: multipart/form-data; boundary=x",
    `content-length: ${form.length}\r\n\r\n`,
  ]
  socket.write(Buffer.concat([Buffer.from(head.join("\r\n")), form]))
  yield* seen(/\r\n\r\n./)
  socket.resetAndDestroy()
  yield* closed
})
