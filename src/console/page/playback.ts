import { request } from "./call.ts"

/** What is asked of `POST /v1/audio/speech`. */
export interface SpeechAsked {
  readonly input: string
  readonly voice: string
  readonly response_format: string
  readonly speed: number
}

/** What became of it. Times are in milliseconds from the click. */
export interface Heard {
  readonly firstMillis: number
  readonly wholeMillis: number
  readonly cache: string
  readonly audio: Blob
  /** The same as a browser plays it: raw samples have no header. */
  readonly playable: Blob
}

const pcmRate = 24_000

/** `samples` (16 bit, one channel) as a WAV file. */
const wavOf = (samples: Uint8Array<ArrayBuffer>, rate: number): Blob => {
  const header = new DataView(new ArrayBuffer(44))
  const text = (at: number, letters: string) =>
    [...letters].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)))
  text(0, "RIFF")
  header.setUint32(4, 36 + samples.length, true)
  text(8, "WAVEfmt ")
  header.setUint32(16, 16, true)
  header.setUint16(20, 1, true)
  header.setUint16(22, 1, true)
  header.setUint32(24, rate, true)
  header.setUint32(28, rate * 2, true)
  header.setUint16(32, 2, true)
  header.setUint16(34, 16, true)
  text(36, "data")
  header.setUint32(40, samples.length, true)
  return new Blob([header.buffer, samples], { type: "audio/wav" })
}

/** Feeds an `<audio>` while the bytes come. Undefined where the browser cannot play this kind before it is whole. */
const whileItComes = async (audio: HTMLAudioElement, type: string) => {
  if (!("MediaSource" in window) || !MediaSource.isTypeSupported(type)) return undefined
  const source = new MediaSource()
  audio.src = URL.createObjectURL(source)
  await new Promise((opened) => source.addEventListener("sourceopen", opened, { once: true }))
  const buffer = source.addSourceBuffer(type)
  const taken = () => new Promise((done) => buffer.addEventListener("updateend", done, { once: true }))
  return {
    add: async (bytes: Uint8Array<ArrayBuffer>) => {
      const done = taken()
      buffer.appendBuffer(bytes)
      await done
    },
    end: () => source.readyState === "open" && source.endOfStream(),
  }
}

/** Speaks into `audio`: the first of it is heard while the rest is made, where the browser can. */
export const speak = async (audio: HTMLAudioElement, asked: SpeechAsked, signal: AbortSignal): Promise<Heard> => {
  const started = performance.now()
  const response = await request("/v1/audio/speech", { method: "POST", json: { model: "tts-1", ...asked }, signal })
  const type = response.headers.get("content-type") ?? ""
  let feed = await whileItComes(audio, type)
  const chunks: Array<Uint8Array<ArrayBuffer>> = []
  let firstMillis = 0
  const reader = response.body!.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    if (chunks.length === 0) firstMillis = performance.now() - started
    chunks.push(value)
    try {
      await feed?.add(value)
      if (chunks.length === 1) void audio.play().catch(() => undefined)
    } catch {
      // More than the browser keeps: what follows is heard from the whole.
      feed = undefined
    }
  }
  const wholeMillis = performance.now() - started
  feed?.end()
  const audioBlob = new Blob(chunks, { type })
  const raw = asked.response_format === "pcm"
  const playable = raw ? wavOf(new Uint8Array(await audioBlob.arrayBuffer()), pcmRate) : audioBlob
  if (feed === undefined) {
    audio.src = URL.createObjectURL(playable)
    void audio.play().catch(() => undefined)
  }
  return { firstMillis, wholeMillis, cache: response.headers.get("x-cache") ?? "–", audio: audioBlob, playable }
}
