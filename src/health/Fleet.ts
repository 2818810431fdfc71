import { Array, Context, Effect, Layer } from "effect"
import { Settings } from "../Settings.ts"
import type { EngineAddress } from "../upstream/EngineAddress.ts"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { makeMagpieAt } from "../upstream/MagpieAt.ts"
import { MagpieClient } from "../upstream/MagpieClient.ts"
import { makeParakeetAt } from "../upstream/ParakeetAt.ts"
import { ParakeetClient } from "../upstream/ParakeetClient.ts"
import { makeMagpieStandIn, makeParakeetStandIn } from "../upstream/StandIn.ts"
import { type EngineId, engineId, standInId } from "./EngineId.ts"
import { type MemberSettings, readMembers } from "./MemberSettings.ts"
import type { RestartTarget } from "./RestartTarget.ts"

interface Clients {
  readonly magpie: MagpieClient["Service"]
  readonly parakeet: ParakeetClient["Service"]
}

/** What calls an engine of kind `K`. */
export type ClientOf<K extends EngineKind> = Clients[K]

/** What is known of an engine of kind `K` without asking it. Calls are not here: they go through `EngineGuard`. */
export type TraitsOf<K extends EngineKind> = Omit<ClientOf<K>, "ready" | "synthesize" | "transcribe" | "voices">

/**
 * An engine to be watched, queued for and restarted on its own.
 *
 * @property url where it is; absent: inside this process
 * @property concurrency calls that it gets at once
 * @property restart what restarts it
 * @property onDemand absent: it is never stopped
 * @property standsIn whether it is the one that answers while no other of its kind does
 */
interface EngineOf<K extends EngineKind> extends Partial<Pick<MemberSettings, "onDemand">> {
  readonly kind: K
  readonly client: ClientOf<K>
  readonly url?: URL | undefined
  readonly concurrency: number
  readonly restart: RestartTarget
  readonly standsIn?: true
}
export type Engine<K extends EngineKind = EngineKind> = { readonly [P in K]: EngineOf<P> }[K]

/** An engine of the fleet. */
export type Member<K extends EngineKind = EngineKind> = {
  readonly [P in K]: EngineOf<P> & { readonly id: EngineId }
}[K]

/**
 * Members that nobody could tell apart by what they make: they are of one model and take the same texts. Members of another edition
 * never continue what one of these has begun, and have cache keys of their own.
 *
 * @property standsIn whether it is what stands in for all others
 */
export interface Edition<K extends EngineKind> {
  readonly traits: TraitsOf<K>
  readonly members: ReadonlySet<EngineId>
  readonly standsIn?: true
}

/**
 * All engines there are.
 *
 * - `members`: in the order in which reports list them, those last that stand in for others.
 * - `of`: those of one kind, without what stands in for them.
 * - `group`: the same, or what stands in for them: one, or none.
 * - `get`: the one with an id of this fleet.
 * - `traits`: those of the first of a kind.
 * - `editions`: all of a kind, in the order in which they were given. What a server says of itself may change them.
 *
 * Asking for a kind of which there is none is a defect.
 */
export interface Engines {
  readonly members: ReadonlyArray<Member>
  readonly of: <K extends EngineKind>(kind: K) => readonly [Member<K>, ...Array<Member<K>>]
  readonly group: <K extends EngineKind>(kind: K, standIn?: boolean) => ReadonlyArray<Member<K>>
  readonly get: (id: EngineId) => Member
  readonly traits: <K extends EngineKind>(kind: K) => TraitsOf<K>
  readonly editions: <K extends EngineKind>(kind: K) => readonly [Edition<K>, ...Array<Edition<K>>]
}

/** Those that agree in it are of one edition. */
const signature = ({ client }: { readonly client: ClientOf<EngineKind> }): string =>
  JSON.stringify(
    "supportsSpeed" in client ? [client.model, client.supportsSpeed, client.maxCharacters] : [client.model],
  )

/** `engines` with their ids: the only one of a kind is called like its kind. */
const makeFleet = (engines: ReadonlyArray<Engine>): Engines => {
  const counted: Record<EngineKind, number> = { magpie: 0, parakeet: 0 }
  const working = engines.filter(({ standsIn }) => standsIn === undefined)
  const standIns = engines
    .filter(({ standsIn }) => standsIn === true)
    .map((engine): Member => ({ ...engine, id: standInId(engine.kind) }))
  const own = working.map((engine): Member => {
    const count = working.filter(({ kind }) => kind === engine.kind).length
    return { ...engine, id: engineId(engine.kind, ++counted[engine.kind], count) }
  })
  const members = [...own, ...standIns]
  const byId = new Map(members.map((member) => [member.id, member]))

  type ByKind = { readonly [K in EngineKind]: ReadonlyArray<Member<K>> }
  const sorted = (some: ReadonlyArray<Member>): ByKind => ({
    magpie: some.filter((member) => member.kind === "magpie"),
    parakeet: some.filter((member) => member.kind === "parakeet"),
  })
  const [byKind, standIn] = [sorted(own), sorted(standIns)]
  const group: Engines["group"] = (kind, wantsStandIn) => (wantsStandIn === true ? standIn : byKind)[kind]
  const of: Engines["of"] = (kind) => {
    const some = byKind[kind]
    if (!Array.isReadonlyArrayNonEmpty(some)) throw new Error(`there is no ${kind} in the fleet`)
    return some
  }
  const editions = <K extends EngineKind>(kind: K): readonly [Edition<K>, ...Array<Edition<K>>] => {
    const all = of(kind)
    // Every request asks.
    if (all.length === 1) return [{ traits: all[0].client, members: new Set([all[0].id]) }]
    const alike = Object.values(Array.groupBy(all, signature))
    const [first, ...others] = alike.map((some): Edition<K> => ({
      traits: some[0].client,
      members: new Set(some.map(({ id }) => id)),
    }))
    return [first!, ...others]
  }
  return { members, of, group, get: (id) => byId.get(id)!, traits: (kind) => of(kind)[0].client, editions }
}

/** What is said of a member beside its client. */
const about = ({ address, ...rest }: MemberSettings) => ({ ...rest, url: address?.url })

/**
 * The engines of a kind: the first is the client there is, whatever it is; the others of a list are called at their addresses. Servers
 * have the engine inside stand in for them where that is set.
 */
const enginesOf = <K extends EngineKind, E, R, RAt, RIn>(
  kind: K,
  client: Effect.Effect<ClientOf<K>, E, R>,
  clientAt: (address: EngineAddress, settings: Settings["Service"]) => Effect.Effect<ClientOf<K>, never, RAt>,
  clientInside: Effect.Effect<ClientOf<K>, never, RIn>,
) =>
  Effect.gen(function* () {
    const settings = yield* Settings
    const [first, ...others] = yield* readMembers(kind)
    const engine = (made: ClientOf<K>, member: MemberSettings): EngineOf<K> => ({
      kind,
      client: made,
      ...about(member),
    })
    const one = engine(yield* client, first)
    const more = yield* Effect.forEach(
      others,
      (member) => Effect.map(clientAt(member.address, settings), (made) => engine(made, member)),
      { concurrency: "unbounded" },
    )
    if (settings.fallback === "none" || first.address === undefined) return [one, ...more]
    const standIn: EngineOf<K> = {
      kind,
      client: yield* clientInside,
      concurrency: settings[`${kind}Concurrency`],
      restart: { kind: "none" },
      standsIn: true,
    }
    return [one, ...more, standIn]
  })

const theMagpies = enginesOf("magpie", MagpieClient, makeMagpieAt, makeMagpieStandIn)
const theParakeets = enginesOf("parakeet", ParakeetClient, makeParakeetAt, makeParakeetStandIn)

const theWhole = Effect.gen(function* () {
  return makeFleet([...(yield* theMagpies), ...(yield* theParakeets)])
})

/** See `Engines`. */
export class Fleet extends Context.Service<Fleet, Engines>()("aviary/health/Fleet") {
  /** The engines that the settings name; the first of each kind, most often the only one, is the client there is. */
  static readonly layer = Layer.effect(Fleet, theWhole)

  /** The Magpies and nobody who listens, for a program that only speaks. */
  static readonly layerMagpie = Layer.effect(Fleet, Effect.map(theMagpies, makeFleet))

  /** The Parakeets and nobody who speaks. */
  static readonly layerParakeet = Layer.effect(Fleet, Effect.map(theParakeets, makeFleet))

  /** Any number of each. */
  static readonly layerOf = (engines: ReadonlyArray<Engine>) => Layer.sync(Fleet, () => makeFleet(engines))
}
