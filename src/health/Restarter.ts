import { Context, Effect, FileSystem, Layer, Path, type Scope } from "effect"
import { Settings, type SettingsError, table } from "../Settings.ts"
import { makeCommandRestart } from "./CommandRestart.ts"
import { makeDockerClient, makeDockerRestart } from "./DockerRestart.ts"
import { type Engine, engineName, engines } from "./Engine.ts"
import { HealthError, NoBackend } from "./HealthError.ts"
import type { RestartBackend } from "./RestartBackend.ts"
import { RestartBudget } from "./RestartBudget.ts"
import { parseRestartTarget, type RestartTarget } from "./RestartTarget.ts"

type Backends = { readonly [E in Engine]?: RestartBackend | undefined }

/**
 * Restarts engines, never beyond the budget.
 *
 * - `backend`: `docker`, `command`, or `none`.
 * - `isSynchronous`: whether the old process is gone for certain after a restart that succeeded.
 * - `restart`: runs `began` once a permit is taken, then restarts. Success says that the backend did its part, not that
 *   the engine is ready. Fails with `NoBackend`, `BudgetSpent`, `JournalFailed`, `NotRunning` or `RestartFailed`.
 */
export class Restarter extends Context.Service<
  Restarter,
  {
    readonly backend: (engine: Engine) => RestartBackend["name"] | "none"
    readonly isSynchronous: (engine: Engine) => boolean
    readonly restart: (engine: Engine, reason: string, began: Effect.Effect<void>) => Effect.Effect<string, HealthError>
  }
>()("aviary/health/Restarter") {
  /** As `AVIARY_MAGPIE_RESTART` and `AVIARY_PARAKEET_RESTART` say. */
  static readonly layer = Layer.effect(Restarter, Effect.suspend(fromSettings))

  /** The same for given targets. */
  static readonly layerFor = (targets: { readonly [E in Engine]: RestartTarget }) =>
    Layer.effect(
      Restarter,
      Effect.suspend(() => fromTargets(targets)),
    )

  /** Containers of the Docker Engine at `AVIARY_DOCKER_HOST`. */
  static readonly layerDocker = (containers: { readonly [E in Engine]: string }) =>
    Restarter.layerFor({
      magpie: { kind: "docker", container: containers.magpie },
      parakeet: { kind: "docker", container: containers.parakeet },
    })

  /** Programs with their arguments. */
  static readonly layerCommand = (commands: {
    readonly [E in Engine]: readonly [program: string, ...args: Array<string>]
  }) => Restarter.layerFor({ magpie: commandOf(commands.magpie), parakeet: commandOf(commands.parakeet) })

  /** No engine is ever restarted. */
  static readonly layerNone = Layer.effect(
    Restarter,
    Effect.suspend(() => within({})),
  )

  /** A test's own way to restart; `isSynchronous` unless it says otherwise. */
  static readonly layerTest = (
    restart: (engine: Engine) => Effect.Effect<void, HealthError>,
    { isSynchronous = true } = {},
  ) => {
    const one = (engine: Engine): RestartBackend => ({
      name: "test",
      isSynchronous,
      restart: Effect.as(restart(engine), "restarted by the test"),
    })
    return Layer.effect(
      Restarter,
      Effect.suspend(() => within({ magpie: one("magpie"), parakeet: one("parakeet") })),
    )
  }
}

const commandOf = ([program, ...args]: readonly [string, ...Array<string>]): RestartTarget => ({
  kind: "command",
  program,
  args,
})

function fromSettings() {
  return Effect.gen(function* () {
    const settings = yield* Settings
    return yield* fromTargets({
      magpie: yield* parseRestartTarget(table.magpieRestart.name, settings.magpieRestart),
      parakeet: yield* parseRestartTarget(table.parakeetRestart.name, settings.parakeetRestart),
    })
  })
}

const fromTargets = Effect.fnUntraced(function* (targets: { readonly [E in Engine]: RestartTarget }) {
  const backends = new Map<Engine, RestartBackend | undefined>()
  for (const engine of engines) backends.set(engine, yield* makeBackend(targets[engine]))
  return yield* within({ magpie: backends.get("magpie"), parakeet: backends.get("parakeet") })
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

const within = Effect.fnUntraced(function* (backends: Backends) {
  const budget = yield* RestartBudget
  return Restarter.of({
    backend: (engine) => backends[engine]?.name ?? "none",
    isSynchronous: (engine) => backends[engine]?.isSynchronous ?? false,
    restart: Effect.fn("Restarter.restart")(function* (engine, reason, began) {
      const backend = backends[engine]
      if (backend === undefined) {
        const message = `${engineName(engine)} has no way to be restarted: ${table[`${engine}Restart`].name} is none`
        return yield* new HealthError({ reason: new NoBackend({ engine, message }) })
      }
      return yield* budget.use(engine, reason, Effect.andThen(began, backend.restart))
    }),
  })
})
