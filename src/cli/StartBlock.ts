import { Effect } from "effect"
import { resolve } from "node:path"
import { AdminToken } from "../http/AdminToken.ts"
import { MagpieClient } from "../upstream/MagpieClient.ts"
import { ParakeetClient } from "../upstream/ParakeetClient.ts"
import { Settings } from "../Settings.ts"
import { program } from "./Program.ts"

/** What a person sees once the gateway listens at `address`: where it is, what is behind it, and what to try. */
export const startBlock = Effect.fnUntraced(function* (address: string) {
  const settings = yield* Settings
  const token = yield* AdminToken
  const magpie = yield* MagpieClient
  const parakeet = yield* ParakeetClient
  const place = (url: URL | undefined) => (url === undefined ? "inside this process, English only" : url.href)
  const key = settings.access === "keys" ? ` -H "authorization: Bearer $OPENAI_API_KEY"` : ""
  const forKeys = [
    "",
    "  Let somebody in, and say what it costs; until then everything costs nothing:",
    `    ${program} accounts create NAME --metered`,
    `    ${program} keys create NAME --account ACCOUNT`,
    `    ${program} rates publish --speech 15 --transcription 0.006`,
  ]
  return [
    "",
    `  Aviary is listening on ${address}`,
    "",
    `  text to speech   ${magpie.model} (${place(settings.magpieUrl)})`,
    `  speech to text   ${parakeet.model} (${place(settings.parakeetUrl)})`,
    `  data             ${resolve(settings.dataDir)}`,
    `  access           ${settings.access === "open" ? "open: no key is asked for" : "keys: a key is asked for"}`,
    `  admin token      ${token.path ?? "AVIARY_ADMIN_TOKEN"}`,
    ...(settings.access === "keys" ? forKeys : []),
    "",
    "  Try it:",
    `    curl ${address}/v1/audio/speech${key} -H "content-type: application/json" -d '{"model":"tts-1","voice":"alloy","input":"The birds are singing in the morning."}' -o birds.mp3`,
    `    curl ${address}/v1/audio/transcriptions${key} -F model=whisper-1 -F file=@birds.mp3`,
    `    ${address}/docs`,
    "",
  ].join("\n")
})
