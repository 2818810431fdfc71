import { Duration, Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../contract/Api.ts"
import type { EngineFailure } from "../upstream/EngineFailure.ts"
import { MagpieClient } from "../upstream/MagpieClient.ts"
import { ParakeetClient } from "../upstream/ParakeetClient.ts"

/** How long readiness waits for an engine's answer. Orchestrators give a probe one to a few seconds. */
const patience = Duration.seconds(2)

interface Asked {
  readonly model: string
  readonly ready: Effect.Effect<void, { readonly reason: EngineFailure }>
}

/** The reason is a word, not the engine's message: this route is open, and messages name hosts. */
const readiness = (engine: Asked) =>
  engine.ready.pipe(
    Effect.matchEffect({
      onSuccess: () => Effect.succeed({ ready: true, model: engine.model }),
      onFailure: ({ reason }) => Effect.succeed({ ready: false, model: engine.model, reason: reason._tag }),
    }),
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.succeed({ ready: false, model: engine.model, reason: "EngineTimedOut" }),
    }),
  )

/** `/health`. */
export const HealthHandlers = HttpApiBuilder.group(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const magpie = yield* MagpieClient
    const parakeet = yield* ParakeetClient
    const engines = Effect.all({ magpie: readiness(magpie), parakeet: readiness(parakeet) }, { concurrency: 2 })
    return handlers
      .handle("live", () => Effect.succeed({ status: "live" as const }))
      .handle("ready", () =>
        Effect.map(engines, (engines) =>
          engines.magpie.ready && engines.parakeet.ready
            ? { status: "ready" as const, engines }
            : { status: "unready" as const, engines },
        ),
      )
  }),
)
