import { createHash } from "node:crypto"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { expect, it } from "vitest"
import { CacheKey } from "../../src/cache/CacheKey.ts"
import { type Known, makeRecency } from "../../src/cache/Recency.ts"
import { seededRandom } from "../support/seededRandom.ts"

const hour = 3_600_000
const keyOf = (name: number | string) => CacheKey.make(createHash("sha256").update(String(name)).digest("hex"))
const at = (used: number, size = 1): Known => ({ size, used, created: undefined })

/** The same in plain maps and sets, which is what it means. */
const makeModel = () => {
  const known = new Map<CacheKey, Known>()
  const marks = new Map<CacheKey, string>()
  const queue: Array<CacheKey> = []
  const unseen = new Set<CacheKey>()
  const drop = (key: CacheKey) => {
    const place = queue.indexOf(key)
    if (place >= 0) queue.splice(place, 1)
  }
  return {
    known,
    isMarked: (key: CacheKey, mark: string) => marks.get(key) === mark,
    mark: (key: CacheKey, mark: string | undefined) => {
      if (mark === undefined) marks.delete(key)
      else if (known.has(key)) marks.set(key, mark)
    },
    put: (key: CacheKey, one: Known) => {
      drop(key)
      known.set(key, one)
      queue.push(key)
    },
    forget: (key: CacheKey) => {
      drop(key)
      unseen.delete(key)
      marks.delete(key)
      return known.delete(key)
    },
    oldest: () =>
      queue.toSorted((a, b) => Math.floor(known.get(a)!.used / hour) - Math.floor(known.get(b)!.used / hour)),
    beginRound: () => {
      for (const key of known.keys()) unseen.add(key)
    },
    see: (key: CacheKey) => void unseen.delete(key),
    unseen,
  }
}

it.each([1, 2, 3, 4])("knows what plain maps would know, in the same order: seed %d", (seed) => {
  const random = seededRandom(seed)
  const recency = makeRecency()
  const model = makeModel()
  // Many that begin alike, so that places are taken, and more than there is room for at first.
  const keys = Array.from({ length: 700 }, (_, i) =>
    i % 3 === 0 ? CacheKey.make(`0000000${i % 2}${keyOf(i).slice(8)}`) : keyOf(i),
  )
  for (let step = 0; step < 6_000; step++) {
    const key = keys[random(keys.length)]!
    const what = random(10)
    if (what < 6) {
      const created = random(2) === 0 ? undefined : random(1_000)
      const one = { size: random(5_000), used: random(6) * hour + random(1_000), created }
      recency.put(key, one)
      model.put(key, one)
    } else if (what < 8) {
      expect(recency.forget(key)).toBe(model.forget(key))
      const mark = random(4) === 0 ? undefined : `mark ${random(3)}`
      const marked = keys[random(keys.length)]!
      recency.mark(marked, mark)
      model.mark(marked, mark)
    } else if (what === 8) {
      recency.see(key)
      model.see(key)
    } else {
      expect(recency.get(key)).toEqual(model.known.get(key))
      expect(recency.has(key)).toBe(model.known.has(key))
      for (let number = 0; number < 3; number++)
        expect(recency.isMarked(key, `mark ${number}`)).toBe(model.isMarked(key, `mark ${number}`))
    }
    if (step % 1_000 === 500) {
      recency.beginRound()
      model.beginRound()
    }
    if (step % 500 === 499) {
      expect([...recency.oldest()]).toEqual(model.oldest())
      for (const share of [0, 0.3, 0.999])
        expect([...recency.keys(share)].toSorted()).toEqual([...model.known.keys()].toSorted())
      expect([...recency.unseen()].toSorted()).toEqual([...model.unseen].toSorted())
      expect(recency.count).toBe(model.known.size)
      expect(recency.bytes).toBe([...model.known.values()].reduce((sum, { size }) => sum + size, 0))
    }
  }
})

it("is walked from the longest unused on while entries go and come", () => {
  const recency = makeRecency()
  for (let i = 0; i < 1_000; i++) recency.put(keyOf(i), at(Math.floor(i / 300) * hour))
  const met: Array<CacheKey> = []
  for (const key of recency.oldest()) {
    met.push(key)
    const i = met.length
    // Itself, the next one, one behind; and another has its number.
    if (i === 10) for (const gone of [9, 10, 11, 500]) recency.forget(keyOf(gone))
    if (i === 20) for (let other = 0; other < 5; other++) recency.put(keyOf(`new ${other}`), at(9 * hour))
    if (i === 30) recency.put(keyOf(700), at(9 * hour))
  }
  const expected = Array.from({ length: 1_000 }, (_, i) => i).filter((i) => ![10, 11, 500, 700].includes(i))
  // What is put meanwhile is behind, in an hour that the walk did not know of.
  expect(met).toEqual(expected.map(keyOf))
  expect(recency.count).toBe(1_000 - 4 + 5)
})

it("keeps no object for an entry, so that the garbage collector has nothing to look at", () => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as () => void
  const recency = makeRecency()
  const heapAfter = (count: number) => {
    for (let i = recency.count; i < count; i++) {
      recency.put(keyOf(i), at(i))
      recency.mark(keyOf(i), `51:${i}:${keyOf(i)}`)
    }
    collect()
    return process.memoryUsage().heapUsed
  }
  const few = heapAfter(100)
  expect((heapAfter(50_000) - few) / 50_000).toBeLessThan(20)
})
