import { priorities, type Priority } from "../billing/Priority.ts"
import { ForgetfulSet, type Slot } from "../collections/Forgetful.ts"
import type { EngineId } from "./EngineId.ts"

/**
 * Who goes before whom: the rest of an answer that a client already receives, then probes and what another engine has failed, then
 * the rest by its priority.
 */
export type Lane = "begun" | "first" | Priority

/** Turns that others get in front of a waiting one of a lower priority before it gets one: a fourth and a sixteenth are its share. */
const passedOverMost = { live: Number.POSITIVE_INFINITY, normal: 3, bulk: 15 }

const lanes: ReadonlyArray<Lane> = ["begun", "first", "live", "normal", "bulk"]

/** The lanes whose waiters go before a newcomer's in `lane`, its own among them. */
const upTo = (lane: Lane) => lanes.slice(0, lanes.indexOf(lane) + 1)

/**
 * One engine's turns.
 *
 * @property working how many are taken
 * @property closed none is given, whatever is free
 * @property chosenAt a number that grows with every turn given in the line
 */
export interface Gate {
  readonly id: EngineId
  readonly concurrency: number
  working: number
  closed: boolean
  chosenAt: number
}

export const makeGate = (id: EngineId, concurrency: number): Gate => ({
  id,
  concurrency,
  working: 0,
  closed: false,
  chosenAt: 0,
})

/**
 * What somebody in line wants.
 *
 * @property could whether an engine is of any use for it
 * @property may whether the engine can serve it now; asked at any moment
 */
export interface Wish {
  readonly lane: Lane
  readonly could: (engine: EngineId) => boolean
  readonly may: (engine: EngineId) => boolean
}

/**
 * A place in line.
 *
 * @property given the turn, once it came
 * @property stirred whether something happened since whoever waits has looked
 * @property wake called when the turn came, or when something happened that is worth another look
 * @property slot where it is listed, among those who wait or those whose turn came and who have not taken it yet
 */
export interface Place {
  wish: Wish
  given: Gate | undefined
  stirred: boolean
  wake: (() => void) | undefined
  slot: Slot<Place> | undefined
}

/**
 * The one line before all engines of a kind. Whichever is free first serves whoever is first among those that it may serve, so
 * nobody waits at one engine while another is idle.
 *
 * - `join`: a place, with its turn where one is free that nobody in front waits for.
 * - `take`: whether the turn came; from then on it is the caller's. Before that it is taken back when the engine can no longer serve.
 * - `leave`: gives up a place, and its turn if it came.
 * - `release`: gives a turn back.
 * - `raise`: puts a place that still waits at the end of a lane that goes before its own.
 * - `stir`: something changed that `may` depends on.
 * - `waiting`: how many wait that an engine could serve; without it, how many at all.
 * - `ahead`: how many wait that would go before a newcomer in `lane`.
 */
export interface Line {
  readonly join: (wish: Wish) => Place
  readonly take: (place: Place) => Gate | undefined
  readonly leave: (place: Place) => void
  readonly release: (gate: Gate) => void
  readonly raise: (place: Place, lane: Lane) => void
  readonly stir: () => void
  readonly waiting: (engine?: EngineId) => number
  readonly ahead: (lane: Lane) => number
}

/** Of `gates` the one with the largest share of its turns free, of those the one that was chosen the longest ago. */
const freest = (gates: ReadonlyArray<Gate>): Gate | undefined =>
  gates.reduce<Gate | undefined>((best, gate) => {
    if (best === undefined) return gate
    const less = gate.working / gate.concurrency - best.working / best.concurrency
    return less < 0 || (less === 0 && gate.chosenAt < best.chosenAt) ? gate : best
  }, undefined)

const unlist = (list: ForgetfulSet<Place>, place: Place) => {
  if (place.slot !== undefined) list.delete(place.slot)
  place.slot = undefined
}

/** Who waits, in each lane in the order of arrival, and how often a lane was passed over. */
const makeLanes = () => {
  const waiters: Record<Lane, ForgetfulSet<Place>> = {
    begun: new ForgetfulSet(),
    first: new ForgetfulSet(),
    live: new ForgetfulSet(),
    normal: new ForgetfulSet(),
    bulk: new ForgetfulSet(),
  }
  const passedOver = { live: 0, normal: 0, bulk: 0 }

  /** The first in `lane` that one of the free gates may serve, with that gate. */
  const firstIn = (lane: Lane, free: ReadonlyArray<Gate>) =>
    waiters[lane].seek((place) => {
      const gate = freest(free.filter(({ id }) => place.wish.may(id)))
      return gate === undefined ? undefined : { place, gate }
    })

  return {
    waiters,
    all: () => lanes.flatMap((lane) => waiters[lane].members()),
    add: (place: Place) => void (place.slot = waiters[place.wish.lane].add(place)),
    /** In front of all others. */
    putFirst: (place: Place) => void (place.slot = waiters[place.wish.lane].addFirst(place)),
    remove: (place: Place) => {
      const { lane } = place.wish
      unlist(waiters[lane], place)
      // Whoever comes later has not been passed over yet.
      if (lane !== "begun" && lane !== "first" && waiters[lane].size === 0) passedOver[lane] = 0
    },
    /** Whose turn it is at one of the free gates. */
    next: (free: ReadonlyArray<Gate>) => {
      if (free.length === 0) return undefined
      const urgent = firstIn("begun", free) ?? firstIn("first", free)
      if (urgent !== undefined) return urgent
      const first = priorities.flatMap((lane) => {
        const found = firstIn(lane, free)
        return found === undefined ? [] : { lane, ...found }
      })
      const chosen = first.find(({ lane }) => passedOver[lane] >= passedOverMost[lane]) ?? first[0]
      if (chosen === undefined) return undefined
      const rank = priorities.indexOf(chosen.lane)
      for (const { lane } of first) if (priorities.indexOf(lane) > rank) passedOver[lane]++
      passedOver[chosen.lane] = 0
      return chosen
    },
  }
}

export const makeLine = (gates: ReadonlyArray<Gate>): Line => {
  const { add, all, next, putFirst, remove, waiters } = makeLanes()
  const granted = new ForgetfulSet<Place>()
  let turns = 0

  const free = () => gates.filter(({ closed, concurrency, working }) => !closed && working < concurrency)

  const serve = () => {
    for (let found = next(free()); found !== undefined; found = next(free())) {
      const { gate, place } = found
      remove(place)
      gate.working++
      gate.chosenAt = ++turns
      place.given = gate
      place.slot = granted.add(place)
      place.wake?.()
    }
  }

  const release = (gate: Gate) => {
    gate.working--
    serve()
  }

  /** Takes back the turns that came to nobody's use: those who had one stand in front again, as they did. */
  const revoke = () => {
    for (const place of granted.members().toReversed()) {
      if (place.wish.may(place.given!.id)) continue
      unlist(granted, place)
      place.given!.working--
      place.given = undefined
      putFirst(place)
    }
  }

  return {
    join: (wish) => {
      const place: Place = { wish, given: undefined, stirred: false, wake: undefined, slot: undefined }
      add(place)
      serve()
      return place
    },
    take: (place) => {
      if (place.given !== undefined) unlist(granted, place)
      return place.given
    },
    leave: (place) => {
      if (place.given === undefined) remove(place)
      else unlist(granted, place)
      const { given } = place
      place.given = undefined
      if (given !== undefined) release(given)
    },
    release,
    raise: (place, lane) => {
      const isHigher = lanes.indexOf(lane) < lanes.indexOf(place.wish.lane)
      if (!isHigher || place.slot === undefined || place.given !== undefined) return
      remove(place)
      place.wish = { ...place.wish, lane }
      add(place)
    },
    stir: () => {
      revoke()
      serve()
      for (const place of all()) {
        place.stirred = true
        place.wake?.()
      }
    },
    waiting: (engine) => all().filter(({ wish }) => engine === undefined || wish.could(engine)).length,
    ahead: (lane) => upTo(lane).reduce((sum, one) => sum + waiters[one].size, 0),
  }
}
