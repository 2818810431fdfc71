import { Context, Effect, Layer } from "effect"
import { Settings } from "../Settings.ts"
import { makeCommandRestart } from "./CommandRestart.ts"
import { makeDockerPower } from "./DockerPower.ts"
import { makeDockerClient } from "./DockerRestart.ts"
import type { EngineId } from "./EngineId.ts"
import { Fleet } from "./Fleet.ts"
import type { HealthError } from "./HealthError.ts"
import type { Way } from "./MemberSettings.ts"

/** Starts and stops one engine; each gives one line for the log, ends by itself, and can be interrupted. */
export interface Switch {
  readonly start: Effect.Effect<string, HealthError>
  readonly stop: Effect.Effect<string, HealthError>
}

/**
 * Starts and stops engines that nobody needs all the time. It costs no restart.
 *
 * - `of`: absent for an engine that is never stopped.
 */
interface Switches {
  readonly of: (engine: EngineId) => (Switch & { readonly idleMillis: number }) | undefined
}

const makeWay = Effect.fnUntraced(function* (way: Way) {
  const { dockerCertPath, dockerHost, restartTimeout } = yield* Settings
  if (way.kind === "command") {
    const { restart } = yield* makeCommandRestart(way, restartTimeout)
    return { start: restart, stop: restart } satisfies Switch
  }
  const client = yield* makeDockerClient(dockerHost, dockerCertPath)
  return makeDockerPower({ client, host: dockerHost, container: way.container, timeout: restartTimeout })
})

const make = Effect.gen(function* () {
  const { members } = yield* Fleet
  const switches = new Map<EngineId, Switch & { readonly idleMillis: number }>()
  for (const { id, onDemand } of members) {
    if (onDemand === undefined) continue
    const [start, stop] = [yield* makeWay(onDemand.start), yield* makeWay(onDemand.stop)]
    switches.set(id, { idleMillis: onDemand.idleMillis, start: start.start, stop: stop.stop })
  }
  return { of: (engine) => switches.get(engine) } satisfies Switches
})

/** See `Switches`. */
export class Power extends Context.Service<Power, Switches>()("aviary/health/Power") {
  /** As the fleet says. */
  static readonly layer = Layer.effect(Power, make)

  /** No engine is ever stopped. */
  static readonly layerNone = Layer.succeed(Power, { of: () => undefined })

  /** A test's own. */
  static readonly layerTest = (of: Switches["of"]) => Layer.succeed(Power, { of })
}
