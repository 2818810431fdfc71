/**
 * A stand-in for Magpie and Parakeet that costs next to nothing: a recording from memory, as much of it as the text asked for is long, and
 * always the same transcript. Its URL says how it behaves:
 *
 * - `/at/30/…`: speaks at 30 times the speed at which it is heard, a tenth of a second at a time; otherwise all at once
 * - `PUT /voices/300`: lists so many voices from then on; before, four
 * - `/mute/…`: lists none
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { bytesOf, recording, sampleRate } from "./Voice.ts"

const longestCharacters = 4_096
const samples = recording(bytesOf(longestCharacters))
const transcript = JSON.stringify({ text: "Something was said." })

const names = (count: number) =>
  Array.from({ length: count }, (_, at) => `Magpie-Multilingual.EN-US.${at === 0 ? "Mia" : `Speaker${at}`}`)

/** The text in a form or in JSON: what is asked for directly comes as the client wrote it. */
const textIn = (body: string): string =>
  /name="text"\r\n(?:.+\r\n)*\r\n([^\r]*)|"input":"([^"]*)"/
    .exec(body)
    ?.slice(1)
    .find((text) => text !== undefined) ?? ""

const speakAtPace = (response: ServerResponse, length: number, pace: number) => {
  const perTurn = Math.round(sampleRate / 10) * 2
  const started = performance.now()
  let sent = 0
  const turn = () => {
    const due = ((performance.now() - started) / 1_000) * pace * sampleRate * 2
    while (sent < length && sent <= due) {
      response.write(samples.subarray(sent, Math.min(length, sent + perTurn)))
      sent += perTurn
    }
    if (sent >= length) response.end()
    else setTimeout(turn, 1)
  }
  turn()
}

const speak = (response: ServerResponse, body: string, pace: number) => {
  const length = bytesOf(textIn(body).length)
  response.writeHead(200, { "content-type": "audio/l16" })
  if (Number.isFinite(pace)) return speakAtPace(response, length, pace)
  response.write(samples.subarray(0, length))
  response.end()
}

const answerJson = (response: ServerResponse, body: string) =>
  response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body)

let listed = 4

const answer = (request: IncomingMessage, response: ServerResponse, body: string) => {
  const [, pace, path = request.url!] = /^\/at\/(\d+)(\/.*)$/.exec(request.url!) ?? []
  if (path === "/mute/v1/audio/list_voices") return void response.writeHead(503).end()
  const wanted = request.method === "PUT" && /^\/voices\/(\d+)$/.exec(path)?.[1]
  if (wanted) listed = Number(wanted)
  if (wanted || path.endsWith("/list_voices"))
    return answerJson(response, JSON.stringify({ "en-US": { voices: names(listed) } }))
  if (path.endsWith("/transcriptions")) return answerJson(response, transcript)
  if (request.method === "GET") return answerJson(response, "{}")
  speak(response, body, pace === undefined ? Number.POSITIVE_INFINITY : Number(pace))
}

/** Of an upload nothing is looked at. */
const looked = 65_536

const server = createServer((request, response) => {
  let body = ""
  request.setEncoding("latin1")
  request.on("data", (chunk: string) => {
    if (body.length < looked) body += chunk
  })
  request.on("end", () => answer(request, response, body))
})
// Said in every answer, so that connections are used again by whoever goes by what is said.
server.keepAliveTimeout = 65_000
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (address !== null && typeof address === "object") console.log(`listening on http://127.0.0.1:${address.port}`)
})
