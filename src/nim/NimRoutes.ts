import { createHash } from "node:crypto"
import type { ServerResponse } from "node:http"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Context, Effect, FileSystem, Path, type Scope } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { NimEngineError, NimEngines } from "./NimEngines.ts"
import type { NimCall, NimFault, NimRoute } from "./NimFault.ts"
import { NimFaults } from "./NimFaults.ts"
import { readForm } from "./NimForm.ts"
import { jsonReply, NimRefusal, type NimReply, refused, replaced, sent } from "./NimReply.ts"
import { batch, online, readUtterance } from "./NimSpeech.ts"
import { hear, readHearing } from "./NimTranscription.ts"

/**
 * Which NIM to be.
 *
 * @property serve one engine's routes, or both on one port
 * @property realTime whether speech leaves no faster than it is heard
 * @property faults whether `/faults` is there, for clients on this machine alone
 */
export interface NimOptions {
  readonly serve: "magpie" | "parakeet" | "both"
  readonly realTime: boolean
  readonly faults: boolean
}

/** What is left to do of a call once it is known what it is about. */
interface Understood {
  readonly about: Omit<NimCall, "route">
  readonly reply: (struck: ReadonlyArray<NimFault>) => Effect.Effect<NimReply, unknown, Scope.Scope>
}

const serving = (value: unknown): Effect.Effect<Understood> =>
  Effect.succeed({ about: {}, reply: () => Effect.succeed(jsonReply(value)) })

const asRefusal = (error: unknown) =>
  error instanceof NimEngineError
    ? new NimRefusal({ status: error.clientFault ? 400 : 500, detail: error.message })
    : new NimRefusal({ status: 500, detail: "Internal Server Error" })

// One key names every locale, as the newer NIMs have it: `{"en-US,es-US": {"voices": [...]}}`.
const voiceList = (voices: ReadonlyArray<string>) => {
  const locales = new Set(voices.map((voice) => voice.split(".")[1] ?? "EN-US"))
  const key = [...locales].map((locale) => locale.replace(/^[A-Z]+/, (language) => language.toLowerCase())).join(",")
  return { [key]: { voices } }
}

const speechRoutes = (engines: NimEngines["Service"], { realTime }: NimOptions) => {
  const spoken = (reply: (utterance: Effect.Success<ReturnType<typeof readUtterance>>) => Understood["reply"]) =>
    readForm().pipe(
      Effect.flatMap((form) => readUtterance(form, engines)),
      Effect.map((utterance): Understood => {
        const sha256 = createHash("sha256").update(utterance.text).digest("hex")
        return { about: { text: utterance.text, sha256 }, reply: reply(utterance) }
      }),
    )
  return [
    { route: "list_voices", method: "GET", understand: serving(voiceList(engines.voices)) },
    {
      route: "synthesize",
      method: "POST",
      understand: spoken((utterance) => () => batch(engines, utterance, realTime)),
    },
    {
      route: "synthesize_online",
      method: "POST",
      understand: spoken((utterance) => (struck) => {
        const wav = struck.some(({ kind }) => kind === "wav")
        return online(engines, utterance, realTime, wav)
      }),
    },
  ] as const
}

const transcriptionRoutes = (engines: NimEngines["Service"]) =>
  [
    {
      route: "transcriptions",
      method: "POST",
      understand: readForm().pipe(
        Effect.flatMap((form) => readHearing(form, engines)),
        Effect.map((hearing): Understood => ({
          about: { sha256: hearing.sha256 },
          reply: () => hear(engines, hearing),
        })),
      ),
    },
  ] as const

const models = (engines: NimEngines["Service"], { serve }: NimOptions) => [
  ...(serve === "parakeet" ? [] : [engines.speechModel]),
  ...(serve === "magpie" ? [] : [engines.transcriptionModel]),
]

/** The routes of a Magpie or Parakeet NIM, or both, over `NimEngines`, with the faults of `NimFaults`. */
export const nimRoutes = Effect.fnUntraced(function* (options: NimOptions) {
  const engines = yield* NimEngines
  const faults = yield* NimFaults
  // These two and no more: a request's scope is its own.
  const services = Context.make(FileSystem.FileSystem, yield* FileSystem.FileSystem).pipe(
    Context.add(Path.Path, yield* Path.Path),
  )

  /** Counts the call, lets the faults at it, and answers. */
  const answer = Effect.fnUntraced(
    function* <R>(route: NimRoute, understand: Effect.Effect<Understood, NimRefusal, R>) {
      const request = yield* HttpServerRequest.HttpServerRequest
      const response = NodeHttpServerRequest.toServerResponse(request) as ServerResponse
      yield* faults.track(route, response)
      const { about, reply } = yield* understand
      const struck = yield* faults.take({ ...about, route })
      const instead = replaced(struck, response)
      if (instead !== undefined) {
        const slow = struck.find((fault) => fault.kind === "slow")
        return yield* slow === undefined ? instead : Effect.delay(instead, slow.millis)
      }
      return sent(yield* Effect.mapError(reply(struck), asRefusal), struck, response, faults)
    },
    Effect.catchTag("NimRefusal", (refusal) => Effect.succeed(refused(refusal))),
    Effect.provideContext(services),
  )

  const ids = models(engines, options)
  const version = { release: "0.1.0", api: "3.1.0" }
  const ready = serving({ status: "ready" })
  return [
    ...(options.serve === "parakeet" ? [] : speechRoutes(engines, options)).map(({ method, route, understand }) =>
      HttpRouter.route(method, `/v1/audio/${route}`, answer(route, understand)),
    ),
    ...(options.serve === "magpie" ? [] : transcriptionRoutes(engines)).map(({ method, route, understand }) =>
      HttpRouter.route(method, `/v1/audio/${route}`, answer(route, understand)),
    ),
    HttpRouter.route("GET", "/v1/health/ready", answer("ready", ready)),
    ...Object.entries({
      "/v1/health/live": { status: "live" },
      "/v1/version": version,
      "/v1/metadata": { version: version.release, modelInfo: ids.map((shortName) => ({ shortName })) },
      "/v1/models": { object: "list", data: ids.map((id) => ({ id, object: "model", owned_by: "aviary" })) },
    }).map(([path, value]) =>
      HttpRouter.route("GET", path as `/${string}`, Effect.succeed(HttpServerResponse.jsonUnsafe(value))),
    ),
  ]
})
