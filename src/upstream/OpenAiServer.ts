import { Effect, Result } from "effect"
import { HttpClientRequest } from "effect/http"
import type { Settings } from "../Settings.ts"
import type { EngineAddress } from "./EngineAddress.ts"
import { EngineMalformed } from "./EngineFailure.ts"
import { makeEngineHttp, readiness, readWhole } from "./EngineHttp.ts"
import type { EngineKind } from "./EngineKind.ts"
import { modelOf, modelsIn } from "./OpenAiModels.ts"

/** Bytes of a listing, which is parsed on the event loop. */
const listingLimit = 256 * 1_024

/** NeMo-Speech.cpp's own, another Aviary's, everybody's, and what every server with OpenAI's routes has. */
const readyPaths = ["/ready", "/health/ready", "/health", "/healthz", "/v1/models"]

/** What every server with OpenAI's routes is asked for by somebody, where it does not say what it has. */
const everybodysModel: Readonly<Record<EngineKind, string>> = { magpie: "tts-1", parakeet: "whisper-1" }

/** A server with OpenAI's routes, of which one engine is used. */
export const makeOpenAiServer = Effect.fnUntraced(function* (
  kind: EngineKind,
  address: EngineAddress,
  settings: Settings["Service"],
) {
  const http = yield* makeEngineHttp(address.url, settings, address.key)
  // As long as a NIM has for its list: a server that is busy with speech may answer late.
  const quick = {
    firstByte: settings.firstByteTimeout,
    idle: settings.idleTimeout,
    total: settings.firstByteTimeout,
  }
  let learned = address.model ?? settings[`${kind}Model`]

  const json = Effect.fnUntraced(function* (path: string) {
    const answer = yield* http.call(HttpClientRequest.get(path), quick)
    const text = yield* readWhole(answer.body, listingLimit)
    return yield* Effect.try({
      try: (): unknown => JSON.parse(text),
      catch: () => new EngineMalformed({ message: `its ${path} is no JSON: ${text.slice(0, 200)}` }),
    })
  }, Effect.scoped)

  const models = Effect.map(json("/v1/models"), (body) => modelsIn(body) ?? [])

  const learn = Effect.gen(function* () {
    const listed = yield* Effect.result(models)
    if (Result.isSuccess(listed)) {
      learned = modelOf(kind, listed.success) ?? everybodysModel[kind]
      return learned
    }
    // A server that lists none will do so another time.
    if (listed.failure._tag === "EngineRejected" && listed.failure.status < 500) learned = everybodysModel[kind]
    return everybodysModel[kind]
  })

  return {
    http,
    /** The answer to a GET, whatever JSON it is. */
    json,
    models,
    /** The model as far as it is known without asking. */
    knownModel: () => learned ?? everybodysModel[kind],
    /** The model to ask for: the operator's, or what the server lists, asked once. */
    model: Effect.suspend(() => (learned === undefined ? learn : Effect.succeed(learned))),
    ready: readiness(http, settings.connectTimeout, readyPaths),
  }
})
