import { Context, Effect, type Scope } from "effect"
import type { EngineId } from "./EngineId.ts"
import type { EngineEvent } from "./EngineState.ts"
import type { ProbeReport } from "./EngineReport.ts"

/** Something that happened to an engine, as another gateway tells it. */
export interface News {
  readonly engine: EngineId
  readonly event: EngineEvent
  readonly reason: string
}

/**
 * Who of several gateways looks after an engine. Where there is one, it does.
 *
 * - `examine`: `look`, unless another gateway is at it: then what that one finds, which `adopt` is given. At most one gateway looks.
 * - `heal`: `healing`, unless another gateway is at it. Interrupted where the turn was lost: its gateway stood still.
 * - `tell`: all other gateways learn of it. Returns at once.
 * - `hear`: what others tell, and what is known of each engine when one begins, or may have missed something.
 * - `requested`: runs `look` where another gateway wants to know of an engine that this one looks after.
 * - `abandoned`: runs `takeOver` for engines that nobody looks after, now and then.
 */
interface Service {
  readonly examine: (
    engine: EngineId,
    look: Effect.Effect<ProbeReport>,
    adopt: (report: ProbeReport) => Effect.Effect<void>,
  ) => Effect.Effect<ProbeReport>
  readonly heal: (engine: EngineId, healing: Effect.Effect<void>) => Effect.Effect<void>
  readonly tell: (news: News) => Effect.Effect<void>
  readonly hear: (learn: (news: News) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
  readonly requested: (look: (engine: EngineId) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
  readonly abandoned: (takeOver: (engine: EngineId) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
}

/** See `Service`. */
export const Rounds = Context.Reference<Service>("aviary/health/Rounds", {
  defaultValue: () => ({
    examine: (_, look) => look,
    heal: (_, healing) => healing,
    tell: () => Effect.void,
    hear: () => Effect.void,
    requested: () => Effect.void,
    abandoned: () => Effect.void,
  }),
})
