import { Effect } from "effect"
import type { EngineKind } from "../upstream/EngineKind.ts"
import { Admission } from "./Admission.ts"
import type { EngineId } from "./EngineId.ts"
import type { EngineState } from "./EngineState.ts"
import { EngineStates } from "./EngineStates.ts"
import { Fleet, type Member } from "./Fleet.ts"

/** How soon an engine in a state is likely to answer: the least first. Where nobody takes requests, this says who is waited for. */
const likelihood: { readonly [S in EngineState]: number } = {
  healthy: 0,
  unknown: 0,
  suspect: 1,
  down: 2,
  recovering: 3,
  restarting: 4,
  wedged: 5,
  exhausted: 6,
}

/**
 * Chooses a member of a kind for a call: the likeliest to answer, of those the one with the fewest calls in front, of those the
 * one that was chosen the longest ago.
 */
export const makeChoice = Effect.gen(function* () {
  const fleet = yield* Fleet
  const states = yield* EngineStates
  const admission = yield* Admission
  const chosenAt = new Map<EngineId, number>()
  let choices = 0

  const placeOf = <K extends EngineKind>(member: Member<K>) =>
    Effect.gen(function* () {
      const { state } = yield* states.get(member.id)
      const ahead = yield* admission.ahead(member.id)
      return { member, place: [likelihood[state], ahead, chosenAt.get(member.id) ?? 0] as const }
    })

  return <K extends EngineKind>(kind: K): Effect.Effect<Member<K>> => {
    const members = fleet.of(kind)
    if (members.length === 1) return Effect.succeed(members[0])
    return Effect.map(Effect.forEach(members, placeOf), (placed) => {
      const [best] = placed.toSorted((a, b) => compare(a.place, b.place))
      chosenAt.set(best!.member.id, ++choices)
      return best!.member
    })
  }
})

const compare = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const at = a.findIndex((one, index) => one !== b[index])
  return at === -1 ? 0 : a[at]! - b[at]!
}
