import { Effect } from "effect"
import type { Urgency } from "../billing/Priority.ts"
import { EngineGuard } from "../health/EngineGuard.ts"
import { type Edition, Fleet } from "../health/Fleet.ts"
import { mayDoElsewhere } from "../health/WedgeRules.ts"
import type { Utterance } from "../upstream/Utterance.ts"
import type { SpeechFailure } from "./SpeechError.ts"
import type { SpeechRequest } from "./SpeechRequest.ts"
import type { StandIn } from "./StandIn.ts"
import { VoiceList } from "./VoiceList.ts"

/** Which edition of Magpie is asked, and which after it where that has nothing to give; what stands in for them comes last. */
export const makeEditions = Effect.fnUntraced(function* (standIn: StandIn | undefined) {
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
export const makeSynthesizer = Effect.gen(function* () {
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
