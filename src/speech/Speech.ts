import { Cause, Context, Effect, Exit, Layer, Option, Scope, Stream } from "effect"
import { Encoders } from "../audio/Encoders.ts"
import { contentTypeOf } from "../audio/format/AudioFormat.ts"
import type { WhenHeld } from "../billing/Beside.ts"
import { Billing } from "../billing/Billing.ts"
import type { Hold } from "../billing/Hold.ts"
import type { Payable } from "../billing/Payable.ts"
import { Payer } from "../billing/Payer.ts"
import { makeUrgency, type Urgency } from "../billing/Priority.ts"
import { makeUnbilled } from "../billing/Unbilled.ts"
import type { Served, Usage } from "../billing/Usage.ts"
import { AtomicCache } from "../cache/AtomicCache.ts"
import type { Entry } from "../cache/Entry.ts"
import { Flights, type Listening } from "../cache/Flights.ts"
import { OwnedKeys } from "../cache/OwnedKeys.ts"
import { alone, type Made, Sharing } from "../cache/Sharing.ts"
import { type Edition, Fleet } from "../health/Fleet.ts"
import { LiveSettings } from "../LiveSettings.ts"
import { tellTrace, traced, tracedFn } from "../telemetry/Spans.ts"
import { keyOf, plan } from "./Plan.ts"
import { Pronunciations } from "./Pronunciations.ts"
import { Speakable } from "./speakable/Speakable.ts"
import type { SpeechFailure } from "./SpeechError.ts"
import type { SpeechRequest } from "./SpeechRequest.ts"
import { makeStandIn, type StandIn } from "./StandIn.ts"
import { synthesize, type Synthesizer } from "./Synthesis.ts"
import { VoiceList } from "./VoiceList.ts"
import { EngineGuard } from "../health/EngineGuard.ts"
import { mayDoElsewhere } from "../health/WedgeRules.ts"
import type { Utterance } from "../upstream/Utterance.ts"

/** Which edition of Magpie is asked, and which after it where that has nothing to give; what stands in for them comes last. */
const makeEditions = Effect.fnUntraced(function* (standIn: StandIn | undefined) {
  const fleet = yield* Fleet
  const guard = yield* EngineGuard
  const voices = yield* VoiceList

  /** Whether an edition had nothing to give, and another may. Nothing has left yet. */
  const isOut = (error: SpeechFailure) =>
    error._tag === "EngineError"
      ? mayDoElsewhere("magpie", error.reason)
      : error._tag === "HealthError" && ["EngineWedged", "EngineStarting", "QueueFull"].includes(error.reason._tag)

  /** Those that have the voice, the ones before the others that are believed to answer. */
  const choose = Effect.fnUntraced(function* (voice: string, all: ReturnType<typeof fleet.editions<"magpie">>) {
    const listed = (yield* voices.known).resolve(voice)
    const speakers = listed === undefined ? undefined : voices.speakers(listed.id)
    const having = all.filter(({ members }) => speakers === undefined || [...members].some((id) => speakers.has(id)))
    const answering = having.filter(({ members }) => guard.mayAnswer("magpie", members))
    return [...answering, ...having.filter((one) => !answering.includes(one))]
  })

  return <A, R>(
    request: SpeechRequest,
    speak: (edition: Edition<"magpie">, replaceable: boolean) => Effect.Effect<A, SpeechFailure, R>,
  ): Effect.Effect<A, SpeechFailure, R> => {
    const replaceable = standIn?.speaks(request) === true
    const all = fleet.editions("magpie")
    const chosen: Effect.Effect<ReadonlyArray<Edition<"magpie">>, SpeechFailure> = all.length === 1
      ? Effect.succeed(all)
      : choose(request.voice, all)
    const own = Effect.flatMap(chosen, (editions) => {
      const from = (index: number): Effect.Effect<A, SpeechFailure, R> => {
        const asked = speak(editions[index] ?? fleet.editions("magpie")[0], replaceable)
        return index + 1 >= editions.length
          ? asked
          : Effect.catch(asked, (error) => (isOut(error) ? from(index + 1) : Effect.fail(error)))
      }
      return from(0)
    })
    if (standIn === undefined) return own
    return Effect.catch(own, (error) => standIn.instead(request, error, speak(standIn.edition, false)))
  }
})

/** An edition as a take sees it: any of it that has the voice, and what one of them begins, another may go on with. */
const makeSynthesizer = Effect.gen(function* () {
  const guard = yield* EngineGuard
  const voices = yield* VoiceList
  return ({ members, standsIn, traits }: Edition<"magpie">, urgency: Urgency, replaceable: boolean) => ({
    maxCharacters: traits.maxCharacters,
    supportsSpeed: traits.supportsSpeed,
    ...(traits.audible !== undefined && { audible: traits.audible }),
    synthesize: (utterance: Utterance, begun: boolean) => {
      const speakers = voices.speakers(utterance.voice)
      const having = [...members].filter((id) => speakers?.has(id) ?? true)
      const among = having.length === 0 ? members : new Set(having)
      return guard.stream("magpie", (client) => client.synthesize(utterance), {
        ...{ begun, among, urgency },
        standIn: standsIn,
        // Nothing else can go on with what it has begun.
        replaceable: replaceable && !begun,
      })
    },
  })
})

/**
 * A speech whose first bytes are there.
 *
 * @property cache how the cache served it
 * @property key names the entry: `GET /v1/audio/speech/{key}` once it is committed
 * @property length bytes, when the whole is already there
 * @property sha256 of the whole audio, hexadecimal, when it is already there
 * @property whole all of the audio, where it is in memory and charged already
 * @property standIn what speaks it, where that is the voice inside since no Magpie could
 * @property text what is spoken, where that is another text than was sent
 * @property bytes the audio, encoded; ends only when it is whole and committed. What a client is handed is charged by `settle`, which
 *   `paid` does at the right moment
 */
export interface Spoken extends Payable<SpeechFailure> {
  readonly key: string
  readonly cache: Served
  readonly contentType: string
  readonly text?: string | undefined
  readonly sha256?: string | undefined
  readonly whole?: Uint8Array | undefined
  readonly standIn?: { readonly model: string; readonly voice: string } | undefined
}

/** What a trace says of the audio: never what is said in it. */
const spoken = (audio: () => { readonly durationMs: number; readonly characters: number; readonly voice: string }) =>
  tellTrace(() => {
    const { characters, durationMs, voice } = audio()
    return { "aviary.audio_seconds": durationMs / 1_000, "aviary.characters": characters, "aviary.voice": voice }
  })

/** What the entry says of itself. What another gateway made was spoken there. */
const describe = (
  { characters, voice }: Effect.Success<ReturnType<typeof plan>>,
  contentType: string,
  followed: Made | undefined,
  takenMs: number,
) =>
  Effect.suspend(() => {
    const durationMs = followed?.durationMs ?? takenMs
    const description = { contentType, durationMs, characters, voice }
    return followed === undefined
      ? Effect.as(
          spoken(() => description),
          description,
        )
      : Effect.succeed(description)
  })

/** `bytes`, with `release` run where they do not come to their end. As `Stream.onError`, but that it costs no piece anything. */
const releasing = <E>(
  bytes: Stream.Stream<Uint8Array, E>,
  release: (cause: Cause.Cause<unknown>) => Effect.Effect<void>,
): Stream.Stream<Uint8Array, E> =>
  Stream.transformPull(bytes, (pull, scope) => {
    let isWhole = false
    const atEnd = Scope.addFinalizerExit(scope, (exit) =>
      isWhole || Exit.isSuccess(exit) ? Effect.void : release(exit.cause),
    )
    const watched = Effect.mapError(pull, (error) => {
      isWhole = Cause.isDone(error)
      return error
    })
    return Effect.as(atEnd, watched)
  })

/** What every way of serving has in common: a price, and how much of so many bytes the client was handed. */
const chargingFor =
  (billing: Billing["Service"], planned: Pick<Effect.Success<ReturnType<typeof plan>>, "characters" | "voice">) =>
  (hold: Hold, served: Served, whole: { readonly total: () => number; readonly durationMs: () => number }) => ({
    settle: Effect.andThen(
      spoken(() => ({ ...planned, durationMs: whole.durationMs() })),
      Effect.asVoid(Effect.onError(billing.settle(hold, { served }), (cause) => billing.release(hold, cause))),
    ),
    delivered: (handed: "all" | number) =>
      handed === "all" ? billing.delivered(hold) : billing.left(hold, { served, handed, of: whole.total() }),
  })

/** What a hit is where nobody can be charged for it, and may have it all the same. */
const freeHit = ({ bytes, metadata: { length, sha256 }, whole }: Entry, of: Prepared["about"]): Spoken => ({
  ...{ ...of, cache: "HIT", length, sha256, whole },
  ...{ bytes: bytes(), settle: Effect.void, delivered: () => Effect.void },
})

/** What is in memory is charged at once, all else when it has left. */
const makePaidHit = Effect.gen(function* () {
  const billing = yield* Billing
  const unbilled = yield* makeUnbilled
  const paid = ({ metadata, whole }: Entry, usage: Usage, hit: (hold: Hold) => Spoken) =>
    whole === undefined
      ? Effect.map(billing.reserve(usage, { served: "HIT" }), hit)
      : Effect.flatMap(billing.charge(usage, "HIT"), (hold) => {
          const found = hit(hold)
          if (hold.replayed) return Effect.succeed(found)
          return Effect.as(
            spoken(() => metadata),
            { ...found, settle: Effect.void, whole },
          )
        })
  return (entry: Entry, { about, usage }: Prepared, hit: (hold: Hold) => Spoken) =>
    unbilled(paid(entry, usage, hit), () => freeHit(entry, about))
})

/** What decides how a request is read, whichever edition speaks it. */
const makeReader = Effect.fnUntraced(function* (standIn: StandIn | undefined) {
  const live = yield* LiveSettings
  const [listed, speakable, pronunciations] = [yield* VoiceList, yield* Speakable, yield* Pronunciations]
  yield* Effect.forEach((yield* Fleet).editions("magpie"), ({ traits }) => pronunciations.check(traits))
  return (request: SpeechRequest, { standsIn, traits: magpie }: Edition<"magpie">) => {
    const { maxTextCharacters: maxCharacters, speakable: speakableByDefault } = live.now()
    const voices = standsIn === true && standIn !== undefined ? standIn.voices : listed
    return plan(request, { magpie, voices, maxCharacters, speakable, speakableByDefault, pronunciations })
  }
})

/** A request as an edition reads it, what it costs, and what is told of its answer whether it is made or found. */
const makePrepare = Effect.fnUntraced(function* (standIn: StandIn | undefined) {
  const read = yield* makeReader(standIn)
  const keys = yield* OwnedKeys
  return Effect.fnUntraced(function* (edition: Edition<"magpie">, request: SpeechRequest) {
    const planned = yield* read(request, edition)
    const { accountId } = yield* Payer
    const { model } = edition.traits
    return {
      edition,
      planned,
      usage: { kind: "speech", model, characters: planned.characters } as const,
      about: {
        key: keys.of(accountId, keyOf(planned)),
        contentType: contentTypeOf(planned.format),
        text: planned.rewritten,
        standIn: edition.standsIn === true ? { model, voice: planned.voice } : undefined,
      },
    }
  })
})

type Prepared = Effect.Success<ReturnType<Effect.Success<ReturnType<typeof makePrepare>>>>

/** What a repeated request has paid for, if it is still there: another edition than the one that is asked first now may have made it. */
const makeKept = Effect.fnUntraced(function* (
  prepare: Effect.Success<ReturnType<typeof makePrepare>>,
  standIn: StandIn | undefined,
) {
  const cache = yield* AtomicCache
  const fleet = yield* Fleet
  return Effect.fnUntraced(function* (first: Prepared, request: SpeechRequest) {
    const others = [...fleet.editions("magpie"), ...(standIn === undefined ? [] : [standIn.edition])]
      .filter(({ traits }) => traits !== first.edition.traits)
      .map((edition) => Effect.option(prepare(edition, request)))
    for (const reading of [Effect.succeedSome(first), ...others]) {
      const prepared = yield* reading
      if (Option.isNone(prepared)) continue
      const found = yield* cache.get(prepared.value.about.key)
      if (Option.isSome(found)) return { prepared: prepared.value, entry: found.value }
    }
    return undefined
  })
})

/** Joins the synthesis of a speech, or begins it. What is prepared for that is held by nobody who only listens: a thousand may. */
const makeJoin = Effect.gen(function* () {
  const flights = yield* Flights
  const encoders = yield* Encoders
  const sharing = yield* Sharing
  const live = yield* LiveSettings
  return (
    { about, planned }: Prepared,
    mode: SpeechRequest["cacheControl"],
    urgency: Urgency,
    magpie: Synthesizer,
    whenHeld: WhenHeld | undefined,
  ) => {
    const take = synthesize(planned, magpie, encoders, live.now().paces)
    const shared = (mode === "use" ? sharing : alone).take<SpeechFailure>(about.key, take.bytes)
    const joining = flights.join({
      ...{ key: about.key, mode, urgency, produce: shared.bytes, whenHeld },
      head: () => shared.made()?.head ?? take.head(),
      foresee: (made) => (shared.followed() ? shared.total() : take.foresee(made)),
      describe: () => describe(planned, about.contentType, shared.made(), take.durationMs()),
    })
    return Effect.map(traced("Flights.join")(joining), (joined) =>
      joined._tag === "Listening" && joined.role === "MISS" && shared.followed()
        ? { ...joined, role: "COALESCED" as const }
        : joined,
    )
  }
})

/** A speech that is being made, to whoever listens. */
const listening = (
  billing: Billing["Service"],
  { about, planned }: Prepared,
  hold: Hold,
  { bytes, made, role, total }: Listening<SpeechFailure>,
): Spoken => {
  const { characters, voice } = planned
  return {
    ...{ ...about, cache: role, length: undefined },
    bytes: releasing(bytes, (cause) => billing.release(hold, cause)),
    ...chargingFor(billing, { characters, voice })(hold, role, { total, durationMs: () => made().durationMs }),
  }
}

const make = Effect.gen(function* () {
  const standIn = yield* makeStandIn
  const eachEdition = yield* makeEditions(standIn)
  const synthesizerOf = yield* makeSynthesizer
  const prepare = yield* makePrepare(standIn)
  const keptFor = yield* makeKept(prepare, standIn)
  const cache = yield* AtomicCache
  const billing = yield* Billing
  const paidHit = yield* makePaidHit
  const join = yield* makeJoin
  type Asked = Parameters<typeof prepare>
  const speakAs = Effect.fnUntraced(function* (edition: Asked[0], request: Asked[1], replaceable: boolean) {
    const prepared = yield* prepare(edition, request)
    const { about, planned, usage } = prepared
    const { key } = about
    const urgency = makeUrgency((yield* Payer).priority)
    const charging = chargingFor(billing, planned)
    const hitOf = (
      { bytes, metadata: { durationMs, length, sha256 } }: Entry,
      hold: Hold,
      of: Prepared["about"],
    ): Spoken => ({
      ...{ ...of, cache: "HIT", length, sha256 },
      bytes: releasing(bytes(), (cause) => billing.release(hold, cause)),
      ...charging(hold, "HIT", { total: () => length, durationMs: () => durationMs }),
    })
    const hit = (entry: Entry, hold: Hold) => hitOf(entry, hold, about)

    if (request.cacheControl === "use") {
      const found = yield* cache.get(key)
      if (Option.isSome(found)) return yield* paidHit(found.value, prepared, (hold) => hit(found.value, hold))
    }

    const speaker = synthesizerOf(edition, urgency, replaceable)
    const joining = (whenHeld?: WhenHeld) => join(prepared, request.cacheControl, urgency, speaker, whenHeld)
    const answered = (hold: Hold, joined: Effect.Success<ReturnType<typeof joining>>) =>
      joined._tag === "Found" ? hit(joined.entry, hold) : listening(billing, prepared, hold, joined)
    if (yield* billing.isSure(usage)) return answered(...(yield* billing.beside(usage, joining)))

    let hold = yield* billing.reserve(usage)
    if (hold.replayed) {
      // A repetition costs nothing where what was paid is still there, so it has no claim to a fresh synthesis. Otherwise it is made
      // again, and charged again: a key would buy synthesis for nothing for a day.
      const kept = request.cacheControl === "bypass" ? undefined : yield* keptFor(prepared, request)
      if (kept !== undefined) return hitOf(kept.entry, hold, kept.prepared.about)
      hold = yield* billing.reserve(usage, { again: true })
    }
    return answered(hold, yield* Effect.onError(joining(), (cause) => billing.release(hold, cause)))
  })
  return Speech.of({
    speak: tracedFn("Speech.speak")((request: SpeechRequest) =>
      eachEdition(request, (edition, replaceable) => speakAs(edition, request, replaceable)),
    ),
  })
})

/** The speech program: text to audio. The scope is the client's: closing it leaves the flight. */
export class Speech extends Context.Service<
  Speech,
  { readonly speak: (request: SpeechRequest) => Effect.Effect<Spoken, SpeechFailure, Scope.Scope> }
>()("aviary/speech/Speech") {
  static readonly layer = Layer.effect(Speech, make).pipe(
    Layer.provide([VoiceList.layer, Encoders.layer, Speakable.layer, Pronunciations.layer]),
  )
}
