import { Duration, Effect } from "effect"
import { handlersOf } from "../RequestContext.ts"
import { Api } from "../../contract/Api.ts"
import { DeepHealth } from "../../health/DeepHealth.ts"
import { Fleet, type Member } from "../../health/Fleet.ts"
import { type EngineState, isAsleep, isUsable } from "../../health/EngineState.ts"
import type { EngineKind } from "../../upstream/EngineKind.ts"
import { cachedFor } from "../../telemetry/Elapsed.ts"
import { Settings } from "../../Settings.ts"
import { makeStorageReadiness } from "./StorageReadiness.ts"

/** How long readiness waits for an engine's answer. Orchestrators give a probe one to a few seconds. */
const patience = Duration.seconds(2)

/** How long an answer is believed: this route is open, and whoever asks it often does not ask the engines as often. */
const believedFor = Duration.seconds(1)

/** What a state that keeps requests away is called here; what led to it is for the operator, at `/admin/engines`. */
const refusals: { readonly [S in EngineState]?: string } = {
  wedged: "EngineWedged",
  restarting: "EngineRestarting",
  recovering: "EngineRecovering",
  exhausted: "EngineExhausted",
}

/** The reason is a word, not the engine's message: this route is open, and messages name hosts. */
const makeCheck = ({ model, ready }: Member["client"]) =>
  ready.pipe(
    Effect.matchEffect({
      onSuccess: () => Effect.succeed({ ready: true, model }),
      onFailure: ({ reason }) => Effect.succeed({ ready: false, model, reason: reason._tag }),
    }),
    Effect.timeoutOrElse({
      duration: patience,
      orElse: () => Effect.succeed({ ready: false, model, reason: "EngineTimedOut" }),
    }),
    (checked) => cachedFor(checked, believedFor),
  )

interface Readiness {
  readonly ready: boolean
  readonly model: string
  readonly state: EngineState
  readonly reason?: string
  readonly fallback?: string
}

const isServed = ({ fallback, ready }: Readiness) => ready || fallback !== undefined

/** `/health`. */
export const HealthHandlers = handlersOf(
  Api,
  "health",
  Effect.fnUntraced(function* (handlers) {
    const deepHealth = yield* DeepHealth
    const fleet = yield* Fleet
    const makeReadiness = Effect.fnUntraced(function* ({ client, id }: Member) {
      const check = yield* makeCheck(client)
      return Effect.gen(function* () {
        const checked = yield* check
        // Read after the answer: a wedge that came meanwhile counts. A wedged NIM itself says that it is ready.
        const state = deepHealth.state(id)
        // The first request has it started, so requests have to get here.
        if (isAsleep(state)) return { ready: true, model: client.model, state }
        // What was seen here says otherwise than what is known: a probe decides.
        if (checked.ready ? state === "down" : isUsable(state)) yield* deepHealth.look(id)
        const refusal = refusals[state]
        return refusal === undefined ? { ...checked, state } : { ...checked, state, ready: false, reason: refusal }
      })
    })
    /** One that is ready, if there is one: the others of its kind are not missed. Otherwise what answers in its place, if anything does. */
    const makeReady = Effect.fnUntraced(function* (kind: EngineKind) {
      const members = yield* Effect.forEach(fleet.of(kind), makeReadiness)
      const [standIn] = fleet.group(kind, true)
      const fallback = standIn === undefined ? {} : { fallback: standIn.client.model }
      return Effect.map(
        Effect.all(members, { concurrency: "unbounded" }),
        (found): Readiness => found.find(({ ready }) => ready) ?? { ...found[0], ...fallback },
      )
    })
    const storage = yield* makeStorageReadiness
    const { access, unbilledHits } = yield* Settings
    const servesUnbilled = access === "open" && unbilledHits === "on"
    const engines = Effect.all(
      { magpie: yield* makeReady("magpie"), parakeet: yield* makeReady("parakeet") },
      { concurrency: 2 },
    )
    return handlers
      .handle("live", () => Effect.succeed({ status: "live" as const }))
      .handle("ready", ({ query }) =>
        Effect.map(Effect.all([engines, storage], { concurrency: 2 }), ([engines, storage]) => {
          const { magpie, parakeet } = engines
          const asked = { speech: isServed(magpie), transcription: isServed(parakeet) }
          // One half out takes nothing from the other, so the gateway as a whole stays in its balancer's pool.
          const engine = query.for === undefined ? asked.speech || asked.transcription : asked[query.for]
          // Without the cache requests are served all the same.
          const serves = engine && (storage.ledger.ready || servesUnbilled) && storage.data.ready
          if (!serves) return { status: "unready" as const, engines, storage }
          return {
            status: magpie.ready && parakeet.ready && storage.ledger.ready ? ("ready" as const) : ("degraded" as const),
            engines,
            storage,
          }
        }),
      )
  }),
)
