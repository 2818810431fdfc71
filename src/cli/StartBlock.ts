import { Effect } from "effect"
import { resolve } from "node:path"
import { engineName } from "../health/EngineId.ts"
import { isAsleep } from "../health/EngineState.ts"
import { DeepHealth } from "../health/DeepHealth.ts"
import { Fleet, type Member } from "../health/Fleet.ts"
import { AdminToken } from "../http/access/AdminToken.ts"
import { withoutCredentials } from "../upstream/EngineUrl.ts"
import { Neighbours } from "../scratch/Neighbours.ts"
import { Settings } from "../Settings.ts"
import { place } from "./EnginePlace.ts"
import { besideEngines } from "./Inspection.ts"
import { program } from "./Program.ts"

/** A line for each engine of a kind; of several, its name. */
const places = Effect.fnUntraced(function* (members: ReadonlyArray<Member>) {
  const { state } = yield* DeepHealth
  return yield* Effect.forEach(
    members,
    ({ client, id, url }) => {
      const name = members.length === 1 ? "" : `${engineName(id)}: `
      const where = isAsleep(state(id))
        ? Effect.succeed(`${withoutCredentials(url!).href}: stopped; a request will have it started`)
        : place(url, client)
      return Effect.map(where, (where) => `${name}${client.model} (${where})`)
    },
    { concurrency: "unbounded" },
  )
})

/** What answers while no engine of a kind does, if anything. */
const lastResort = (standIns: ReadonlyArray<Member>) =>
  standIns.map(({ client }) => `${client.model} (inside this process, English only, while none of these answers)`)

/** `lines` below each other, the first of them behind `title`. */
const titled = (title: string, lines: ReadonlyArray<string>) =>
  lines.map((line, index) => `  ${(index === 0 ? title : "").padEnd(17)}${line}`)

/** What a person sees once the gateway listens at `address`: where it is, what is behind it, and what to try. */
export const startBlock = Effect.fnUntraced(function* (address: string) {
  const settings = yield* Settings
  const token = yield* AdminToken
  const fleet = yield* Fleet
  const [magpies, parakeets, beside] = yield* Effect.all(
    [places(fleet.of("magpie")), places(fleet.of("parakeet")), besideEngines],
    { concurrency: "unbounded" },
  )
  const others = yield* (yield* Neighbours).count
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
    ...titled("text to speech", [...magpies, ...lastResort(fleet.group("magpie", true))]),
    ...titled("speech to text", [...parakeets, ...lastResort(fleet.group("parakeet", true))]),
    `  data             ${resolve(settings.dataDir)}`,
    ...beside.flatMap(({ detail, state, what }, index) =>
      titled(beside[index - 1]?.what === what ? "" : what, [state === "good" ? detail : `LOOK AT IT: ${detail}`]),
    ),
    ...(others === 0
      ? []
      : [`  shared with      ${others} other ${others === 1 ? "gateway" : "gateways"} on the same ledger`]),
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
