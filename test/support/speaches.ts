/**
 * Stands in for speaches, by its routers of October 2026: several models, each asked for by its exact name; speech as ffmpeg writes a
 * WAV into a pipe, in chunks, without lengths; transcripts with segments and words; languages of two letters only; FastAPI's errors.
 */
import type { ServerResponse } from "node:http"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { type Answer, heardText, heardTimes, heardWords, json, openAiServer, toneOf } from "./openAiServers.ts"

const sampleRate = 24_000
const listens = "Systran/faster-distil-whisper-small.en"
const listensToo = "Systran/faster-whisper-large-v3"
const speaks = "speaches-ai/Kokoro-82M-v1.0-ONNX"
const voices = [
  { name: "af_heart", language: "en-us", gender: "female", id: "af_heart" },
  { name: "bm_george", language: "en-gb", gender: "male", id: "bm_george" },
  { name: "ef_dora", language: "es", gender: "female", id: "ef_dora" },
]
const models = {
  data: [
    { id: listens, object: "model", owned_by: "Systran", language: ["en"], task: "automatic-speech-recognition" },
    { id: listensToo, object: "model", owned_by: "Systran", language: ["en"], task: "automatic-speech-recognition" },
    { id: speaks, object: "model", owned_by: "speaches-ai", task: "text-to-speech", sample_rate: sampleRate, voices },
  ],
  object: "list",
}

const detail = (response: ServerResponse, status: number, said: unknown) => json(response, status, { detail: said })
const missing = (field: string) => [{ type: "missing", loc: ["body", field], msg: "Field required", input: {} }]
const notInstalled = (model: unknown) =>
  `Model '${String(model)}' is not installed locally. You can download the model using \`POST /v1/models\``

/** What ffmpeg writes where it cannot seek: no sizes, and who wrote it between the format and the samples. */
const pipedHeader = () => {
  const header = Buffer.from(wavHeader(sampleRate))
  const info = Buffer.from("LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf59.27.100\0", "latin1")
  return Buffer.concat([header.subarray(0, 36), info, header.subarray(36)])
}

const speak: Answer = ({ fields }, response) => {
  for (const field of ["model", "input", "voice"])
    if (typeof fields[field] !== "string") return detail(response, 422, missing(field))
  if (fields["model"] !== speaks) return detail(response, 404, notInstalled(fields["model"]))
  if (!voices.some(({ name }) => name === fields["voice"])) return detail(response, 500, "Internal Server Error")
  const pcm = toneOf(String(fields["input"]), sampleRate)
  response.writeHead(200, { "content-type": "audio/wav" })
  response.write(pipedHeader())
  for (let at = 0; at < pcm.length; at += 4_095) response.write(pcm.subarray(at, at + 4_095))
  response.end()
}

const listen: Answer = ({ fields, file }, response) => {
  if (file === undefined) return detail(response, 422, missing("file"))
  if (fields["model"] !== listens && fields["model"] !== listensToo)
    return detail(response, 404, notInstalled(fields["model"]))
  const { language, response_format: format = "json" } = fields as Readonly<Record<string, string | undefined>>
  if (language !== undefined && !/^[a-z]{2}$/.test(language)) return detail(response, 500, "Internal Server Error")
  if (format === "json") return json(response, 200, { text: heardText })
  const segment = { seek: 0, tokens: [1], temperature: 0, avg_logprob: -0.1, compression_ratio: 1, no_speech_prob: 0 }
  const segments = [
    { id: 1, start: 0, end: 0.7, text: ` ${heardWords.slice(0, 3).join(" ")}`, words: null, ...segment },
    { id: 2, start: 0.75, end: 1.95, text: ` ${heardWords.slice(3).join(" ")}`, words: null, ...segment },
  ]
  const wantsWords =
    Array.isArray(fields["timestamp_granularities[]"]) && fields["timestamp_granularities[]"].includes("word")
  const words = wantsWords
    ? heardTimes.map(({ word, ...rest }) => ({ ...rest, word: ` ${word}`, probability: 0.9 }))
    : null
  json(response, 200, {
    task: "transcribe",
    language: language ?? "en",
    duration: 2,
    text: heardText,
    words,
    segments,
  })
}

export const speaches = () =>
  openAiServer((asked, response) => {
    const { path } = asked
    if (path === "/health") return response.writeHead(200, { "content-type": "text/plain" }).end("OK")
    if (path === "/v1/models") return json(response, 200, models)
    if (path === "/v1/audio/voices") return json(response, 200, { voices, object: "list" })
    if (path === "/v1/audio/speech") return speak(asked, response)
    if (path === "/v1/audio/transcriptions") return listen(asked, response)
    detail(response, 404, "Not Found")
  })
