import { hash } from "node:crypto"
import type { CacheKey } from "./CacheKey.ts"

/** Uses within one of these count as equally long ago when entries are found on disk; milliseconds. */
const grain = 3_600_000

/** What is known about an entry without opening it; times in milliseconds since 1970. */
export interface Known {
  readonly size: number
  readonly used: number
  readonly created: number | undefined
}

/** Entries that there is room for at first; it doubles. */
const fewest = 256

/** A key is 256 bits. */
const keyWords = 8

/** No entry, where one is named by its number. */
const none = -1

/** Hexadecimal digits, as `CacheKey` has them, by the bits that they stand for. */
const bitsOf = (code: number): number => (code < 58 ? code - 48 : code - 87)

/**
 * The entries by number, in arrays of numbers: of a hundred thousand objects the garbage collector would look at each whenever it marks.
 * A number is given again once its entry is gone; `size` is below zero where there is none.
 */
const makeRecords = (room: number) => ({
  room,
  keys: new Uint32Array(room * keyWords),
  size: new Float64Array(room).fill(none),
  used: new Float64Array(room),
  /** Not a number where it is not known. */
  created: new Float64Array(room),
  /** The round that it was last seen in. */
  seen: new Uint32Array(room),
  /** What of a mark is kept; 0 where there is none. */
  marks: new Float64Array(room),
  /** Its neighbours among those of its hour; of what is gone the next number that is free. */
  before: new Int32Array(room),
  after: new Int32Array(room),
  /** Where a key is: one more than the number, at the place that its first word says or as soon behind as there was room. */
  places: new Int32Array(room * 2),
})
type Records = ReturnType<typeof makeRecords>

/** The same with twice the room. */
const roomier = (old: Records): Records => {
  const records = makeRecords(old.room * 2)
  for (const name of ["keys", "size", "used", "created", "seen", "marks", "before", "after"] as const)
    records[name].set(old[name])
  for (let number = 0; number < old.room; number++) if (old.size[number]! >= 0) settle(records, number)
  return records
}

const placeOf = ({ keys, places }: Records, number: number): number => keys[number * keyWords]! & (places.length - 1)

/** Finds a place for a number whose key is there. */
const settle = (records: Records, number: number): void => {
  const { places } = records
  let place = placeOf(records, number)
  while (places[place] !== 0) place = (place + 1) & (places.length - 1)
  places[place] = number + 1
}

/** Takes the number at `place` out, and moves up whatever was behind since there was no room. */
const unsettle = (records: Records, place: number): void => {
  const { places } = records
  const mask = places.length - 1
  let hole = place
  for (let next = (hole + 1) & mask; places[next] !== 0; next = (next + 1) & mask) {
    const wanted = placeOf(records, places[next]! - 1)
    if (((next - wanted) & mask) < ((next - hole) & mask)) continue
    places[hole] = places[next]!
    hole = next
  }
  places[hole] = 0
}

/** Which number each key has. */
const makeTable = () => {
  let records = makeRecords(fewest)
  /** Numbers that were ever given are below `given`, those that are free again begin at `free`. */
  let given = 0
  let free = none
  let count = 0
  const words = new Uint32Array(keyWords)

  /** Where the key is, or the place that is free for it. Its words are in `words` afterwards. */
  const placeFound = (key: CacheKey): number => {
    for (let word = 0, at = 0; word < keyWords; word++) {
      let bits = 0
      for (const end = at + 8; at < end; at++) bits = (bits << 4) | bitsOf(key.charCodeAt(at))
      words[word] = bits
    }
    const { keys, places } = records
    const mask = places.length - 1
    let place = words[0]! & mask
    search: for (; places[place] !== 0; place = (place + 1) & mask) {
      const at = (places[place]! - 1) * keyWords
      for (let word = 0; word < keyWords; word++) if (keys[at + word] !== words[word]) continue search
      return place
    }
    return place
  }

  const takeNumber = (): number => {
    if (free !== none) {
      const number = free
      free = records.after[number]!
      return number
    }
    if (given === records.room) records = roomier(records)
    return given++
  }

  return {
    get count() {
      return count
    },
    /** Another object once there are more. */
    get records() {
      return records
    },
    /** `none` where there is none. */
    find: (key: CacheKey): number => records.places[placeFound(key)]! - 1,
    /** Gives a number to a key that has none. */
    add: (key: CacheKey): number => {
      placeFound(key)
      const number = takeNumber()
      records.keys.set(words, number * keyWords)
      records.marks[number] = 0
      settle(records, number)
      count += 1
      return number
    },
    remove: (key: CacheKey): void => {
      const place = placeFound(key)
      const number = records.places[place]! - 1
      unsettle(records, place)
      records.size[number] = none
      records.after[number] = free
      free = number
      count -= 1
    },
    keyOf: (number: number): CacheKey => {
      let key = ""
      for (let at = number * keyWords; at < (number + 1) * keyWords; at++)
        key += records.keys[at]!.toString(16).padStart(8, "0")
      return key as CacheKey
    },
    /** From a share of them on, and around. Keys may be added and removed while this is walked; those added meanwhile may be met or not. */
    *numbers(share = 0): Generator<number> {
      const first = Math.floor(share * given)
      for (let number = first; number < given; number++) if (records.size[number]! >= 0) yield number
      for (let number = 0; number < first; number++) if (records.size[number]! >= 0) yield number
    },
  }
}

/** 52 bits of a mark's hash, which are enough to tell two of them apart. */
const shortened = (mark: string): number => 1 + Number.parseInt(hash("sha256", mark, "hex").slice(0, 13), 16)

/** The oldest and the newest of an hour. */
interface Hour {
  first: number
  last: number
}

/** Where somebody is who walks the oldest: what is met next. */
interface Walker {
  next: number
}

/** The order in which the numbers of a table were used. */
const makeOrder = (table: ReturnType<typeof makeTable>) => {
  const hours = new Map<number, Hour>()
  const walkers = new Set<Walker>()
  const hourOf = (number: number) => Math.floor(table.records.used[number]! / grain)

  return {
    /** Puts it last in its hour. */
    add: (number: number): void => {
      const { after, before } = table.records
      const hour = hours.get(hourOf(number))
      before[number] = hour?.last ?? none
      after[number] = none
      if (hour === undefined) {
        hours.set(hourOf(number), { first: number, last: number })
        return
      }
      after[hour.last] = number
      hour.last = number
    },
    remove: (number: number): void => {
      const { after, before } = table.records
      const hour = hours.get(hourOf(number))!
      const [earlier, later] = [before[number]!, after[number]!]
      for (const walker of walkers) if (walker.next === number) walker.next = later
      if (earlier === none) hour.first = later
      else after[earlier] = later
      if (later === none) hour.last = earlier
      else before[later] = earlier
      if (hour.first === none) hours.delete(hourOf(number))
    },
    *walk(): Generator<number> {
      const walker: Walker = { next: none }
      walkers.add(walker)
      try {
        for (const hour of [...hours.keys()].toSorted((a, b) => a - b)) {
          walker.next = hours.get(hour)?.first ?? none
          while (walker.next !== none) {
            const number = walker.next
            walker.next = table.records.after[number]!
            yield number
          }
        }
      } finally {
        walkers.delete(walker)
      }
    },
  }
}

/**
 * Which entries are on disk, how big, and in which order they were used. Ordered by the hour and, within it, by
 * insertion, so that nothing here ever sorts: a directory of a million entries costs no pause.
 */
export const makeRecency = () => {
  const table = makeTable()
  const order = makeOrder(table)
  let bytes = 0
  let round = 0

  return {
    get bytes() {
      return bytes
    },
    get count() {
      return table.count
    },
    has: (key: CacheKey): boolean => table.find(key) !== none,
    get: (key: CacheKey): Known | undefined => {
      const number = table.find(key)
      if (number === none) return undefined
      const { created, size, used } = table.records
      const at = created[number]!
      return { size: size[number]!, used: used[number]!, created: Number.isNaN(at) ? undefined : at }
    },
    /** From a share of them on, and around. Entries may be put and forgotten while this is walked; those put meanwhile may be met or not. */
    *keys(share = 0): Generator<CacheKey> {
      for (const number of table.numbers(share)) yield table.keyOf(number)
    },
    /** Puts `key` last: used just now, or at the time given. */
    put: (key: CacheKey, one: Known): void => {
      let number = table.find(key)
      if (number === none) {
        number = table.add(key)
        table.records.seen[number] = round
      } else {
        order.remove(number)
        bytes -= table.records.size[number]!
      }
      const { created, size, used } = table.records
      size[number] = one.size
      used[number] = one.used
      created[number] = one.created ?? Number.NaN
      bytes += one.size
      order.add(number)
    },
    /** Whether what is known has this mark: until it is forgotten, or marked otherwise. */
    isMarked: (key: CacheKey, mark: string): boolean => {
      const number = table.find(key)
      return number !== none && table.records.marks[number] === shortened(mark)
    },
    /** Marks what is known; what is not known stays without. */
    mark: (key: CacheKey, mark: string | undefined): void => {
      const number = table.find(key)
      if (number !== none) table.records.marks[number] = mark === undefined ? 0 : shortened(mark)
    },
    forget: (key: CacheKey): boolean => {
      const number = table.find(key)
      if (number === none) return false
      order.remove(number)
      bytes -= table.records.size[number]!
      table.remove(key)
      return true
    },
    /** Longest unused first. Entries may be put and forgotten while this is walked; those put meanwhile may be met again. */
    *oldest(): Generator<CacheKey> {
      for (const number of order.walk()) yield table.keyOf(number)
    },
    /** Begins a round, in which only what is put anew or seen from now on counts as seen. */
    beginRound: (): void => void (round += 1),
    see: (key: CacheKey): void => {
      const number = table.find(key)
      if (number !== none) table.records.seen[number] = round
    },
    /** What was not seen in this round; walked as `keys`. */
    *unseen(): Generator<CacheKey> {
      for (const number of table.numbers()) if (table.records.seen[number] !== round) yield table.keyOf(number)
    },
  }
}
