import * as NodeServices from "@effect/platform-node/NodeServices"
import { Context, Effect, FileSystem, Layer, Schedule } from "effect"
import { engines, programsOnLedger, services } from "../../src/Aviary.ts"
import type { Ledger } from "../../src/billing/Ledger.ts"
import { AdminToken } from "../../src/http/access/AdminToken.ts"
import { Scratch } from "../../src/scratch/Scratch.ts"
import { Settings } from "../../src/Settings.ts"
import { VoiceList } from "../../src/speech/VoiceList.ts"
import { type Parts, startGateway } from "./gateway.ts"

type Written = NonNullable<Parameters<typeof Settings.layerTest>[0]>

/** What a test may put in place of the gateway's own. */
interface Swapped extends Pick<Parts, "loggers"> {
  readonly ledger?: Layer.Layer<Ledger>
}

/**
 * The whole gateway on a free loopback port with a data directory of its own. Without `nim` its engines are the embedded ones; with
 * `TEST_BEHIND_AVIARY` in the environment those of another gateway, which it uses by OpenAI's routes: every test of a client should pass
 * through two as through one.
 */
export const startAviary = Effect.fnUntraced(function* (
  nim: { readonly url: URL } | undefined,
  settings: Written = {},
  swapped: Swapped = {},
) {
  if (nim !== undefined || process.env["TEST_BEHIND_AVIARY"] === undefined) return yield* start(nim, settings, swapped)
  const { embeddedRecognizer = "base", ...rest } = settings
  const { url } = yield* start(undefined, { embeddedRecognizer }, {})
  return yield* start({ url: new URL(url) }, rest, swapped)
})

const start = Effect.fnUntraced(function* (
  nim: { readonly url: URL } | undefined,
  settings: Written,
  { ledger, ...swapped }: Swapped,
) {
  const fs = yield* FileSystem.FileSystem
  const dataDir = settings.dataDir ?? (yield* fs.makeTempDirectoryScoped({ prefix: "aviary-test-" }))
  const urls = nim === undefined ? {} : { magpieUrl: nim.url.href, parakeetUrl: nim.url.href }
  const written = { dataDir, ...urls, ...settings }
  const rooms =
    ledger === undefined
      ? services
      : Layer.merge(VoiceList.layer, AdminToken.layer).pipe(Layer.provideMerge(programsOnLedger), Layer.provide(ledger))
  const whole = rooms.pipe(Layer.provide(NodeServices.layer))
  const gateway = yield* startGateway({
    engines: engines.pipe(Layer.provide(Settings.layerTest(written)), Layer.provide(NodeServices.layer), Layer.orDie),
    programs: whole,
    rooms: whole,
    voices: whole,
    settings: written,
    ...swapped,
  })
  /** The files that requests and flights have at the moment, or left behind. */
  const { cache, recordings, uploads } = Context.get(gateway.services, Scratch)
  const scratchFiles = Effect.orDie(
    Effect.map(Effect.all([cache.files, uploads.files, recordings.files]), (found) => found.flat()),
  )
  /** Those that are there still after five seconds: some go a moment after their request has its answer. */
  const strays = scratchFiles.pipe(
    Effect.repeat({ until: (found) => found.length === 0, schedule: Schedule.spaced("10 millis") }),
    Effect.as<ReadonlyArray<string>>([]),
    Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => scratchFiles }),
  )
  return { ...gateway, dataDir, scratchFiles, strays }
})

/** `POST /v1/audio/speech`; the answer's body is not read yet. */
export const postSpeech = (
  url: string,
  body: Record<string, unknown> = {},
  init: { readonly headers?: Record<string, string>; readonly signal?: AbortSignal } = {},
): Effect.Effect<Response> =>
  Effect.promise((signal) =>
    fetch(`${url}/v1/audio/speech`, {
      method: "POST",
      headers: { "content-type": "application/json", ...init.headers },
      body: JSON.stringify({ model: "tts-1", voice: "alloy", input: "A sentence to say.", ...body }),
      signal: init.signal ?? signal,
    }),
  )

/** What the gateway at `url` hears in a recording, as text. */
export const transcriptText = (
  url: string,
  audio: ArrayBuffer | Uint8Array<ArrayBuffer>,
  name: string,
): Effect.Effect<string> =>
  Effect.promise(async (signal) => {
    const form = new FormData()
    form.append("model", "whisper-1")
    form.append("response_format", "text")
    form.append("file", new Blob([audio]), name)
    const response = await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form, signal })
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    return response.text()
  })
