import { expect, it } from "vitest"
import type { EngineId } from "../../src/health/EngineId.ts"
import { type Lane, makeGate, makeLine, type Place } from "../../src/health/Line.ts"

const any = () => true

/** One engine with one turn, which is taken. `next` gives it back, and says who of those that joined got it. */
const busyEngine = () => {
  const gate = makeGate("parakeet", 1)
  const line = makeLine([gate])
  const names = new Map<Place, string>()
  const join = (lane: Lane, name: string) => {
    const place = line.join({ lane, could: any, may: any })
    names.set(place, name)
    return place
  }
  line.take(join("normal", "first"))
  const next = () => {
    line.release(gate)
    const place = [...names.keys()].find((one) => one.given !== undefined && names.get(one) !== "first")
    if (place === undefined) return undefined
    const name = names.get(place)!
    names.delete(place)
    line.take(place)
    return name
  }
  return { join, next, line }
}

it("with 50 of bulk work waiting, one that somebody listens to is next", () => {
  const { join, next } = busyEngine()
  for (let n = 1; n <= 50; n++) join("bulk", `bulk ${n}`)
  expect([next(), next(), next()]).toEqual(["bulk 1", "bulk 2", "bulk 3"])
  join("normal", "normal")
  join("live", "live")
  expect([next(), next(), next()]).toEqual(["live", "normal", "bulk 4"])
})

it("bulk work gets a sixteenth of the turns under endless live load, and the rest a fourth", () => {
  const served = { live: 0, normal: 0, bulk: 0 }
  const { join, next } = busyEngine()
  for (let turn = 0; turn < 1_600; turn++) {
    for (const lane of ["live", "normal", "bulk"] as const) join(lane, lane)
    served[next() as keyof typeof served]++
  }
  process.stdout.write(`1,600 turns with all three waiting: ${JSON.stringify(served)}`)
  expect(served.bulk).toBeGreaterThanOrEqual(94)
  expect(served.bulk).toBeLessThanOrEqual(107)
  expect(served.normal).toBeGreaterThanOrEqual(350)
  expect(served.live).toBeGreaterThanOrEqual(1_100)

  const alone = { live: 0, bulk: 0 }
  const other = busyEngine()
  for (let turn = 0; turn < 1_600; turn++) {
    for (const lane of ["live", "bulk"] as const) other.join(lane, lane)
    alone[other.next() as keyof typeof alone]++
  }
  process.stdout.write(`1,600 turns with live and bulk waiting: ${JSON.stringify(alone)}`)
  expect(alone).toEqual({ live: 1_500, bulk: 100 })
})

it("what has begun goes before all else, and what an engine has failed before all that is new", () => {
  const { join, next } = busyEngine()
  join("live", "live")
  join("first", "failed over")
  join("begun", "begun")
  expect([next(), next(), next()]).toEqual(["begun", "failed over", "live"])
})

it("a turn that came just as its engine fell out is taken back, and its waiter stands in front again", () => {
  let usable: ReadonlyArray<EngineId> = ["parakeet-1"]
  const gates = [makeGate("parakeet-1", 1), makeGate("parakeet-2", 1)]
  const line = makeLine(gates)
  const wish = { lane: "normal", could: any, may: (id: EngineId) => usable.includes(id) } as const
  const [first, second] = [line.join(wish), line.join(wish)]
  expect([first.given?.id, second.given]).toEqual(["parakeet-1", undefined])
  usable = ["parakeet-2"]
  line.stir()
  expect([first.given?.id, second.given]).toEqual(["parakeet-2", undefined])
  expect(line.take(first)?.id).toBe("parakeet-2")
  usable = []
  line.stir()
  expect(first.given?.id).toBe("parakeet-2")
  expect(gates.map(({ working }) => working)).toEqual([0, 1])
})

it("several turns that are taken back stand in front in the order in which they had come", () => {
  let usable: ReadonlyArray<EngineId> = ["parakeet-1"]
  const line = makeLine([makeGate("parakeet-1", 2), makeGate("parakeet-2", 1)])
  const wish = { lane: "normal", could: any, may: (id: EngineId) => usable.includes(id) } as const
  const [first, second, third] = [line.join(wish), line.join(wish), line.join(wish)]
  expect([first.given?.id, second.given?.id, third.given]).toEqual(["parakeet-1", "parakeet-1", undefined])
  usable = ["parakeet-2"]
  line.stir()
  expect([first.given?.id, second.given, third.given]).toEqual(["parakeet-2", undefined, undefined])
  line.leave(first)
  expect([second.given?.id, third.given]).toEqual(["parakeet-2", undefined])
  line.leave(second)
  expect(third.given?.id).toBe("parakeet-2")
})

it("who can be served by one engine only does not keep others from the rest", () => {
  const gates = [makeGate("magpie-1", 1), makeGate("magpie-2", 1)]
  const line = makeLine(gates)
  const only = (id: EngineId) =>
    ({ lane: "normal", could: (one: EngineId) => one === id, may: (one: EngineId) => one === id }) as const
  line.take(line.join(only("magpie-1")))
  const waits = line.join(only("magpie-1"))
  const passes = line.join({ lane: "normal", could: any, may: any })
  expect([waits.given, passes.given?.id]).toEqual([undefined, "magpie-2"])
  expect([line.waiting("magpie-1"), line.waiting("magpie-2")]).toEqual([1, 0])
  line.leave(waits)
  expect(line.waiting()).toBe(0)
})

it("who waits for the same as somebody more urgent goes where that one would, behind those who came before", () => {
  const { join, line, next } = busyEngine()
  const bulk = join("bulk", "bulk")
  join("normal", "normal")
  join("live", "live")
  line.raise(bulk, "live")
  line.raise(bulk, "normal")
  expect([line.waiting(), line.ahead("live")]).toEqual([3, 2])
  expect([next(), next(), next()]).toEqual(["live", "bulk", "normal"])
  line.raise(bulk, "begun")
  expect(line.waiting()).toBe(0)
})
