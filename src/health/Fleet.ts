import { Array, Context, Effect, Layer } from "effect"
import { Settings, SettingsError, table } from "../Settings.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { MagpieClient } from "../upstream/MagpieClient.ts"
import { ParakeetClient } from "../upstream/ParakeetClient.ts"
import { type EngineId, engineId } from "./EngineId.ts"
import { parseRestartTarget, type RestartTarget } from "./RestartTarget.ts"

interface Clients {
  readonly magpie: MagpieClient["Service"]
  readonly parakeet: ParakeetClient["Service"]
}

/** What calls an engine of kind `K`. */
export type ClientOf<K extends EngineKind> = Clients[K]

/**
 * What is known of an engine of kind `K` without asking it, and is the same for all of its kind. Calls are not here: they go
 * through `EngineGuard`.
 */
export type TraitsOf<K extends EngineKind> = Omit<ClientOf<K>, "ready" | "synthesize" | "transcribe" | "voices">

/**
 * An engine to be watched, queued for and restarted on its own.
 *
 * @property concurrency calls that it gets at once
 * @property restart what restarts it
 */
interface EngineOf<K extends EngineKind> {
  readonly kind: K
  readonly client: ClientOf<K>
  readonly concurrency: number
  readonly restart: RestartTarget
}
export type Engine<K extends EngineKind = EngineKind> = { readonly [P in K]: EngineOf<P> }[K]

/** An engine of the fleet. */
export type Member<K extends EngineKind = EngineKind> = {
  readonly [P in K]: EngineOf<P> & { readonly id: EngineId }
}[K]

/**
 * All engines there are.
 *
 * - `members`: in the order in which reports list them.
 * - `of`: those of one kind.
 * - `get`: the one with an id of this fleet.
 * - `traits`: what all of one kind have in common.
 *
 * Asking for a kind of which there is none is a defect.
 */
export interface Engines {
  readonly members: ReadonlyArray<Member>
  readonly of: <K extends EngineKind>(kind: K) => readonly [Member<K>, ...Array<Member<K>>]
  readonly get: (id: EngineId) => Member
  readonly traits: <K extends EngineKind>(kind: K) => TraitsOf<K>
}

/**
 * `engines` with their ids: the only one of a kind is called like its kind. Fails where two of a kind differ in their model: what
 * one of them said is what the cache answers for all.
 */
export const makeFleet = Effect.fnUntraced(function* (engines: ReadonlyArray<Engine>) {
  const counted: Record<EngineKind, number> = { magpie: 0, parakeet: 0 }
  const members = engines.map((engine): Member => {
    const count = engines.filter(({ kind }) => kind === engine.kind).length
    return { ...engine, id: engineId(engine.kind, ++counted[engine.kind], count) }
  })
  for (const { client, id, kind } of members) {
    const first = members.find((member) => member.kind === kind)!
    if (first.client.model !== client.model) {
      const message = `${first.id} is ${first.client.model} and ${id} is ${client.model}: engines of one kind must be of one model.`
      return yield* new SettingsError({ message })
    }
  }
  const byId = new Map(members.map((member) => [member.id, member]))

  const byKind: { readonly [K in EngineKind]: ReadonlyArray<Member<K>> } = {
    magpie: members.filter((member) => member.kind === "magpie"),
    parakeet: members.filter((member) => member.kind === "parakeet"),
  }
  const of: Engines["of"] = (kind) => {
    const some = byKind[kind]
    if (!Array.isReadonlyArrayNonEmpty(some)) throw new Error(`there is no ${kind} in the fleet`)
    return some
  }
  return {
    members,
    of,
    get: (id) => byId.get(id)!,
    traits: (kind) => of(kind)[0].client,
  } satisfies Engines
})

const theMagpie = Effect.gen(function* () {
  const settings = yield* Settings
  return {
    kind: "magpie",
    client: yield* MagpieClient,
    concurrency: settings.magpieConcurrency,
    restart: yield* parseRestartTarget(table.magpieRestart.name, settings.magpieRestart),
  } satisfies Engine
})

const theParakeet = Effect.gen(function* () {
  const settings = yield* Settings
  return {
    kind: "parakeet",
    client: yield* ParakeetClient,
    concurrency: settings.parakeetConcurrency,
    restart: yield* parseRestartTarget(table.parakeetRestart.name, settings.parakeetRestart),
  } satisfies Engine
})

/** See `Engines`. */
export class Fleet extends Context.Service<Fleet, Engines>()("aviary/health/Fleet") {
  /** One Magpie and one Parakeet: whichever clients there are. */
  static readonly layer = Layer.effect(Fleet, Effect.flatMap(Effect.all([theMagpie, theParakeet]), makeFleet))

  /** One Magpie and nobody who listens, for a program that only speaks. */
  static readonly layerMagpie = Layer.effect(Fleet, Effect.flatMap(Effect.all([theMagpie]), makeFleet))

  /** One Parakeet and nobody who speaks. */
  static readonly layerParakeet = Layer.effect(Fleet, Effect.flatMap(Effect.all([theParakeet]), makeFleet))

  /** Any number of each. */
  static readonly layerOf = (engines: ReadonlyArray<Engine>) => Layer.effect(Fleet, makeFleet(engines))
}
