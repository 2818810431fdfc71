/**
 * Real clients, each refused in the middle of a large upload and then asking again over the connections it keeps. A program:
 * `clients.ts URL ADMIN_TOKEN BYTES REFUSALS` prints a line of JSON per attempt.
 */
import { createOpenAI } from "@ai-sdk/openai"
import { experimental_transcribe as transcribe } from "ai"
import axios from "axios"
import { spawnSync } from "node:child_process"
import { Agent } from "node:http"
import nodeFetch from "node-fetch"
import { Readable } from "node:stream"
import { fileURLToPath } from "node:url"
import OpenAI, { toFile } from "openai"

const [url = "", adminToken = "", bytes = "0", chosen = ""] = process.argv.slice(2)

const admin = async (path: string, body: unknown) => {
  const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/json" }
  const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) })
  return (await answer.json()) as { readonly id: string; readonly text: string }
}
const { id: accountId } = await admin("/admin/accounts", { name: "Test", terms: { kind: "prepaid", overdraft: 0 } })
const { text: key } = await admin("/admin/keys", { accountId, name: "Test" })

/** A form whose file is longer than an upload may be. */
const body = Buffer.concat([
  Buffer.from('--b\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'),
  Buffer.alloc(Number(bytes)),
])
/** One that is not: it is read to where it stops being a form, and no further. */
const allowed = body.subarray(0, 1_500_000)

interface Refusal {
  readonly method?: "PUT"
  readonly path?: string
  readonly key?: string
  readonly type?: string
  readonly body?: Buffer
}

const all: Record<string, Refusal> = {
  "413": {},
  "401": { key: "sk-nobody" },
  "404": { path: "/v1/nowhere" },
  "405": { method: "PUT" },
  "415": { type: "text/plain" },
  "400": { type: "multipart/form-data", body: allowed },
}
const refusals = Object.entries(all).filter(([status]) => chosen.split(",").includes(status))

interface Request {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: Buffer | Readable
}
type Send = (url: string, request: Request) => Promise<{ readonly status: number; readonly text: string }>

const agent = new Agent({ keepAlive: true })

const clients: Record<string, Send> = {
  fetch: async (to, request) => {
    const answer = await fetch(to, { ...request, duplex: "half" } as never)
    return { status: answer.status, text: await answer.text() }
  },
  axios: async (to, { body: data, ...request }) => {
    const answer = await axios.request<string>({
      url: to,
      ...request,
      data,
      httpAgent: agent,
      maxBodyLength: Infinity,
      responseType: "text",
      transformResponse: (text: string) => text,
      validateStatus: () => true,
    })
    return { status: answer.status, text: answer.data }
  },
  "node-fetch": async (to, request) => {
    const answer = await nodeFetch(to, { ...request, agent })
    return { status: answer.status, text: await answer.text() }
  },
}

/** Both choose for themselves how they send, and try again where they think that it helps. */
const sdks: Record<string, (apiKey: string, baseURL: string) => Promise<unknown>> = {
  openai: async (apiKey, baseURL) => {
    const file = await toFile(body, "a.wav")
    return new OpenAI({ apiKey, baseURL }).audio.transcriptions.create({ model: "whisper-1", file })
  },
  ai: (apiKey, baseURL) =>
    transcribe({ model: createOpenAI({ apiKey, baseURL }).transcription("whisper-1"), audio: body }),
}

const print = (line: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(line)}\n`)

/** What a client makes of it when there is no answer to see. */
const failed = (error: Error) => ({
  status: undefined,
  text: (error.cause instanceof Error ? error.cause : error).message,
})

const messageOf = (text: string): string => {
  try {
    return JSON.parse(text).error.message
  } catch {
    return text
  }
}

for (const [client, send] of Object.entries(clients)) {
  for (const chunked of [false, true]) {
    for (const [name, refusal] of refusals) {
      const upload = refusal.body ?? body
      const headers = { authorization: `Bearer ${refusal.key ?? key}` }
      const { status, text } = await send(url + (refusal.path ?? "/v1/audio/transcriptions"), {
        method: refusal.method ?? "POST",
        headers: {
          ...headers,
          "content-type": refusal.type ?? "multipart/form-data; boundary=b",
          ...(chunked ? {} : { "content-length": String(upload.length) }),
        },
        body: chunked ? Readable.from(pieces(upload)) : upload,
      }).catch(failed)
      const next = await send(`${url}/v1/models`, { method: "GET", headers }).catch(failed)
      print({ client, chunked, refusal: Number(name), status, message: messageOf(text), next: next.status })
    }
  }
}

function* pieces(upload: Buffer) {
  for (let at = 0; at < upload.length; at += 65_536) yield upload.subarray(at, at + 65_536)
}

for (const [client, call] of Object.entries(sdks)) {
  for (const name of ["413", "401", "404"]) {
    const { status, message } = await call(
      name === "401" ? "sk-nobody" : key,
      `${url}${name === "404" ? "/nowhere" : "/v1"}`,
    ).then(
      () => ({ status: 200, message: "" }),
      (error: { status?: number; statusCode?: number; message: string }) => ({
        status: error.status ?? error.statusCode,
        message: error.message.replace(/^\d{3} /, ""),
      }),
    )
    const listed = await new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 }).models.list().then(
      () => 200,
      () => undefined,
    )
    print({ client, refusal: Number(name), status, message, next: listed })
  }
}

// Debian's own: its packages are for no other.
const python = spawnSync(
  "/usr/bin/python3",
  [fileURLToPath(new URL("clients.py", import.meta.url)), url, key, bytes, chosen],
  { stdio: "inherit" },
)
process.exit(python.status ?? 1)
