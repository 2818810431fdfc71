/**
 * Stands in for NVIDIA's NeMo-Speech.cpp (`nemo-speech serve`), by its docs/api.md and docs/server.md of October 2026: whole answers,
 * WAV or headerless samples, one speed, its shape of errors, 501 for what it was built without.
 */
import type { ServerResponse } from "node:http"
import { type Answer, heardText, heardTimes, json, openAiServer, toneOf, wavOf } from "./openAiServers.ts"

const sampleRate = 22_050

const fail = (response: ServerResponse, status: number, message: string) =>
  json(response, status, { error: { message, type: status < 500 ? "invalid_request_error" : "server_error" } })

const models = {
  object: "list",
  data: [
    { id: "parakeet-tdt-0.6b-v3", object: "model", owned_by: "local", capability: "transcription", device: "cpu" },
    { id: "diarization", object: "model", owned_by: "local", capability: "diarization", device: "cpu" },
    {
      id: "magpie_tts_multilingual_357m",
      object: "model",
      owned_by: "local",
      capability: "speech",
      device: "cpu",
      voices: ["Sofia", "Aria", "Jason", "Leo", "John"],
      languages: ["en-US", "es-ES", "de-DE"],
    },
  ],
}

const speak: Answer = ({ fields }, response) => {
  const { input, language = "en-US", response_format: format = "wav", speed = 1, voice = "" } = fields
  if (typeof input !== "string" || input === "") return fail(response, 400, "input is required")
  if (speed !== 1) return fail(response, 400, "this model does not support changing speech speed")
  if (format !== "wav" && format !== "pcm") return fail(response, 400, "response_format must be wav or pcm")
  if (!["sofia", "aria", "jason", "leo", "john", "alloy", ""].includes(String(voice).toLowerCase()))
    return fail(response, 400, `unknown voice '${String(voice)}'`)
  if (!/^(en|es|de)\b/.test(String(language))) return fail(response, 400, `unsupported language ${String(language)}`)
  const pcm = toneOf(input, sampleRate)
  const bytes = format === "wav" ? wavOf(pcm, sampleRate) : pcm
  response.writeHead(200, { "content-type": `audio/${format}`, "content-length": bytes.length }).end(bytes)
}

const listen: Answer = ({ fields, file }, response) => {
  const { language = "", response_format: format = "json" } = fields
  if (file === undefined || file.toString("latin1", 0, 4) !== "RIFF") return fail(response, 400, "not a WAV file")
  if (!["json", "verbose_json", "text", "srt", "vtt"].includes(String(format)))
    return fail(response, 400, "response_format must be json, verbose_json, text, srt, or vtt")
  const words = heardTimes.map((word) => ({ ...word, confidence: 0.9 }))
  const verbose = { task: "transcribe", duration: (file.length - 44) / 32_000, language: language || "en", words }
  json(response, 200, { text: heardText, ...(format === "verbose_json" ? verbose : {}) })
}

/**
 * @property key asked for on every route but those about its health
 * @property without what it was built without
 * @property ready whether its models are loaded, asked anew each time
 * @property before what a speech waits for before it is answered
 */
interface Options {
  readonly key?: string
  readonly without?: "ASR" | "TTS"
  readonly ready?: () => boolean
  readonly before?: () => Promise<void>
}

export const nemoSpeech = ({ before, key, ready = () => true, without }: Options = {}) =>
  openAiServer((asked, response) => {
    const { authorization, path } = asked
    if (path === "/health")
      return json(response, ready() ? 200 : 503, { status: ready() ? "ok" : "not_ready", version: "0.4" })
    if (path === "/ready")
      return json(response, ready() ? 200 : 503, { ready: ready(), device: "cpu", capabilities: [] })
    if (key !== undefined && authorization !== `Bearer ${key}`)
      return fail(response, 401, "missing or invalid bearer token")
    if (path === "/v1/models") return json(response, 200, models)
    if (path === "/v1/audio/speech")
      return without === "TTS"
        ? fail(response, 501, "this build does not include TTS")
        : void (before?.() ?? Promise.resolve()).then(() => speak(asked, response))
    if (path === "/v1/audio/transcriptions")
      return without === "ASR" ? fail(response, 501, "this build does not include ASR") : listen(asked, response)
    if (path.startsWith("/v1")) return fail(response, 404, "API route not found")
    response.writeHead(404).end()
  })
