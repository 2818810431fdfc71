import { Effect } from "effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { loopbackServer } from "./loopback.ts"

/** A request as a stand-in got it; of a form, what each field says, and the file's bytes. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly fields: Readonly<Record<string, unknown>>
  readonly file: Buffer | undefined
}

export type Answer = (asked: Asked, response: ServerResponse) => void

export const json = (response: ServerResponse, status: number, body: unknown) => {
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(status, { "content-type": "application/json", "content-length": bytes.length }).end(bytes)
}

/** 70 ms of tone per code point, as the fake NIM speaks: signed 16-bit little endian. */
export const toneOf = (text: string, sampleRate: number): Buffer => {
  const samples = Int16Array.from({ length: Math.round(Array.from(text).length * 0.07 * sampleRate) }, (_, i) =>
    Math.round(8_000 * Math.sin((2 * Math.PI * 220 * i) / sampleRate)),
  )
  return Buffer.from(samples.buffer)
}

export const wavOf = (pcm: Buffer, sampleRate: number) => Buffer.concat([wavHeader(sampleRate, pcm.length), pcm])

/** What every stand-in hears: those of the health room's probe, whatever the recording, a quarter of a second each. */
export const heardWords = ["He", "might", "even.", "Have", "been", "made", "amiable", "himself."]
export const heardText = heardWords.join(" ")
export const heardTimes = heardWords.map((word, i) => ({ word, start: i * 0.25, end: i * 0.25 + 0.2 }))

const fieldsOf = async (request: IncomingMessage, body: Buffer) => {
  const type = request.headers["content-type"] ?? ""
  if (!type.startsWith("multipart/")) {
    return {
      fields: body.length === 0 ? {} : (JSON.parse(body.toString("utf8")) as Record<string, unknown>),
      file: undefined,
    }
  }
  const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData()
  const fields: Record<string, unknown> = {}
  let file: Buffer | undefined
  for (const name of new Set(form.keys())) {
    const values = form.getAll(name)
    const [first] = values
    if (first instanceof Blob) file = Buffer.from(await first.arrayBuffer())
    else fields[name] = name.endsWith("[]") ? values : first
  }
  return { fields, file }
}

/** A server on a free loopback port that answers as `answer` does, and remembers what it was asked. */
export const openAiServer = Effect.fnUntraced(function* (answer: Answer) {
  const asked: Array<Asked> = []
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const parts: Array<Buffer> = []
    for await (const part of request) parts.push(part as Buffer)
    const seen: Asked = {
      method: request.method ?? "",
      path: request.url ?? "",
      authorization: request.headers.authorization,
      ...(await fieldsOf(request, Buffer.concat(parts))),
    }
    asked.push(seen)
    answer(seen, response)
  }
  const { url } = yield* loopbackServer(
    (request, response) => void handle(request, response).catch(() => response.destroy()),
  )
  return { url, asked, to: (path: string) => asked.filter((one) => one.path === path) }
})
