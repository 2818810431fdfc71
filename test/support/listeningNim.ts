import { Effect, Layer, Schedule } from "effect"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { NimEngines } from "../../src/nim/NimEngines.ts"
import { wavHeader } from "../../src/audio/WavHeader.ts"
import { fakeEngines, NimTest } from "./nim.ts"

const probeClip = readFileSync(new URL("../../src/health/probe.wav", import.meta.url))

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/** One transcription that the engine did: what it heard, and the SHA-256 of the file it was given. */
export interface Heard {
  readonly text: string
  readonly sha256: string
}

/**
 * A NIM of its own whose Parakeet also knows the words of the health room's probe, and that keeps what it transcribed
 * for requests; each takes `millis`. `restart` is a setting that restarts it by a real command after `afterMillis`, upon
 * which it loads for `loadingMillis`.
 */
export const startListeningNim = Effect.fnUntraced(function* (
  options: { readonly millis?: number; readonly afterMillis?: number; readonly loadingMillis?: number } = {},
) {
  const heard: Array<Heard> = []
  const knowing = Layer.effect(
    NimEngines,
    Effect.map(NimEngines, (engines) => ({
      ...engines,
      transcribe: Effect.fnUntraced(function* (path: string, language: string) {
        const file = readFileSync(path)
        if (file.equals(probeClip)) return "He might even have been made amiable himself."
        yield* Effect.sleep(options.millis ?? 0)
        const text = yield* engines.transcribe(path, language)
        heard.push({ text, sha256: sha256(file) })
        return text
      }),
    })),
  ).pipe(Layer.provide(fakeEngines))
  const nim = yield* Effect.provide(NimTest, yield* Layer.build(NimTest.layerWith(knowing)))
  const loading = JSON.stringify({ loadingMillis: options.loadingMillis ?? 0 })
  const script = `setTimeout(() => fetch(${JSON.stringify(`${nim.url.origin}/faults/restart`)}, {
    method: "POST", headers: { "content-type": "application/json" }, body: ${JSON.stringify(loading)}
  }), ${options.afterMillis ?? 0})`
  return { ...nim, heard, restart: `command:${JSON.stringify([process.execPath, "-e", script])}` }
})

/** A WAV of so many milliseconds, which the fake Parakeet hears as `heard <millis> milliseconds`. */
export const wavOf = (millis: number): Uint8Array<ArrayBuffer> => {
  const samples = Int16Array.from({ length: 16 * millis }, (_, i) => Math.round(8_000 * Math.sin(i / 8)))
  return new Uint8Array(Buffer.concat([wavHeader(16_000, samples.byteLength), Buffer.from(samples.buffer)]))
}

/** A response with its body, decoded where it is JSON. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: {
    readonly text?: string
    readonly error?: { readonly code: string; readonly message: string; readonly type: string }
  }
}

/** `POST /v1/audio/transcriptions` of `wav`. */
export const transcribe = (url: string, wav: Uint8Array<ArrayBuffer>): Effect.Effect<Answer> =>
  Effect.promise(async (signal) => {
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new Blob([wav]), "recording.wav")
    const response = await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form, signal })
    return { status: response.status, headers: response.headers, body: (await response.json()) as Answer["body"] }
  })

/** Looks again and again, for at most two minutes, until `holds`. */
export const eventually = <A, E, R>(look: Effect.Effect<A, E, R>, holds: (seen: A) => boolean) =>
  look.pipe(
    Effect.repeat({ until: holds, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("60 seconds"),
    Effect.orDie,
  )
