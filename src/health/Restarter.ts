import { Context, Effect, FileSystem, Layer, Path, type Scope } from "effect"
import { Settings, type SettingsError, table } from "../Settings.ts"
import { makeCommandRestart } from "./CommandRestart.ts"
import { makeDockerClient, makeDockerRestart } from "./DockerRestart.ts"
import { type EngineId, engineName } from "./EngineId.ts"
import { Fleet } from "./Fleet.ts"
import { HealthError, NoBackend } from "./HealthError.ts"
import type { RestartBackend } from "./RestartBackend.ts"
import { RestartBudget } from "./RestartBudget.ts"
import type { RestartTarget } from "./RestartTarget.ts"

/**
 * Restarts engines, never beyond the budget.
 *
 * - `backend`: `docker`, `command`, or `none`.
 * - `isSynchronous`: whether the old process is gone for certain after a restart that succeeded.
 * - `restart`: runs `began` once a permit is taken, then restarts. Success says that the backend did its part, not that
 *   the engine is ready. Fails with `NoBackend`, `BudgetSpent`, `JournalFailed`, `NotRunning` or `RestartFailed`.
 */
interface Restarts {
  readonly backend: (engine: EngineId) => RestartBackend["name"] | "none"
  readonly isSynchronous: (engine: EngineId) => boolean
  readonly restart: (engine: EngineId, reason: string, began: Effect.Effect<void>) => Effect.Effect<string, HealthError>
}

const within = Effect.fnUntraced(function* (backends: ReadonlyMap<EngineId, RestartBackend>) {
  const fleet = yield* Fleet
  const budget = yield* RestartBudget
  const service: Restarts = {
    backend: (engine) => backends.get(engine)?.name ?? "none",
    isSynchronous: (engine) => backends.get(engine)?.isSynchronous ?? false,
    restart: Effect.fn("Restarter.restart")(function* (engine, reason, began) {
      const backend = backends.get(engine)
      if (backend === undefined) {
        const setting = table[`${fleet.get(engine).kind}Restart`].name
        const message = `${engineName(engine)} has no way to be restarted: ${setting} is none`
        return yield* new HealthError({ reason: new NoBackend({ engine, message }) })
      }
      return yield* budget.use(engine, reason, Effect.andThen(began, backend.restart))
    }),
  }
  return service
})

function makeBackend(
  target: RestartTarget,
): Effect.Effect<
  RestartBackend | undefined,
  SettingsError,
  Settings | FileSystem.FileSystem | Path.Path | Scope.Scope
> {
  return Effect.gen(function* () {
    const { dockerCertPath, dockerHost, restartTimeout } = yield* Settings
    switch (target.kind) {
      case "none":
        return undefined
      case "command":
        return yield* makeCommandRestart(target, restartTimeout)
      case "docker": {
        const client = yield* makeDockerClient(dockerHost, dockerCertPath)
        return makeDockerRestart({ client, host: dockerHost, container: target.container, timeout: restartTimeout })
      }
    }
  })
}

const make = Effect.gen(function* () {
  const { members } = yield* Fleet
  const backends = new Map<EngineId, RestartBackend>()
  for (const { id, restart } of members) {
    const backend = yield* makeBackend(restart)
    if (backend !== undefined) backends.set(id, backend)
  }
  return yield* within(backends)
})

/** See `Restarts`. */
export class Restarter extends Context.Service<Restarter, Restarts>()("aviary/health/Restarter") {
  /** As the fleet says. */
  static readonly layer = Layer.effect(Restarter, make)

  /** No engine is ever restarted. */
  static readonly layerNone = Layer.effect(Restarter, within(new Map()))

  /** A test's own way to restart; `isSynchronous` unless it says otherwise. */
  static readonly layerTest = (
    restart: (engine: EngineId) => Effect.Effect<void, HealthError>,
    { isSynchronous = true } = {},
  ) => {
    const one = (engine: EngineId): RestartBackend => ({
      name: "test",
      isSynchronous,
      restart: Effect.as(restart(engine), "restarted by the test"),
    })
    return Layer.effect(
      Restarter,
      Effect.flatMap(Fleet, ({ members }) => within(new Map(members.map(({ id }) => [id, one(id)])))),
    )
  }
}
