import { expect, it } from "vitest"
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { ForgetfulMap, ForgetfulSet } from "../../src/collections/Forgetful.ts"

const [collectAll, collectYoung] = (() => {
  setFlagsFromString("--expose-gc")
  const collect = runInNewContext("gc") as (which?: { readonly type: "minor" }) => void
  return [() => collect(), () => collect({ type: "minor" })] as const
})()

const oldBytes = () =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")?.space_used_size ?? Number.NaN

interface Coming<Handle> {
  readonly add: (member: object, at: number) => Handle
  readonly remove: (handle: Handle) => void
}

const members = 4_000
const memberBytes = 1_000

/**
 * Which share grows old of members that come and go four at a time, once the list itself is old. All of the heap is searched before, and is not again before
 * some ten megabytes more are there.
 */
const shareGrownOld = <Handle>({ add, remove }: Coming<Handle>): number => {
  let at = 0
  const member = () => ({ at, much: Array.from({ length: memberBytes / 8 }, () => at) })
  const inside = Array.from({ length: 4 }, () => add(member(), at++))
  collectAll()
  const before = oldBytes()
  for (let come = 0; come < members; come++) {
    inside.push(add(member(), at++))
    remove(inside.shift()!)
    if (come % 100 === 99) collectYoung()
  }
  return (oldBytes() - before) / (members * memberBytes)
}

it("of what has gone from a set or a map nothing grows old", () => {
  const set = new ForgetfulSet<object>()
  const ofSet = shareGrownOld({ add: (member) => set.add(member), remove: (slot) => set.delete(slot) })
  expect(ofSet).toBeLessThan(0.2)

  const map = new ForgetfulMap<number, object>()
  const add = (member: object, key: number) => {
    map.set(key, member)
    return key
  }
  expect(shareGrownOld({ add, remove: (key) => map.delete(key) })).toBeLessThan(0.2)
})

it("JavaScript's own sets keep half and more of it: else these here are of no use any more", () => {
  const set = new Set<object>()
  const add = (member: object) => {
    set.add(member)
    return member
  }
  expect(shareGrownOld({ add, remove: (member) => set.delete(member) })).toBeGreaterThan(0.5)
})

it("a set has its members in the order in which they came, wherever one leaves", () => {
  const set = new ForgetfulSet<string>()
  expect(set.members()).toEqual([])
  expect(set.shift()).toBeUndefined()
  const [a, b, , d] = ["a", "b", "c", "d"].map((member) => set.add(member))
  expect(set.size).toBe(4)
  set.delete(b!)
  set.delete(b!)
  expect(set.members()).toEqual(["a", "c", "d"])
  set.delete(a!)
  set.delete(d!)
  set.add("e")
  expect([set.size, set.shift(), set.members()]).toEqual([2, "c", ["e"]])
  expect([set.shift(), set.shift(), set.size, set.slots()]).toEqual(["e", undefined, 0, []])
  set.addFirst("f")
  set.add("g")
  set.addFirst("h")
  expect([set.size, set.members()]).toEqual([3, ["h", "f", "g"]])
  const asked: Array<string> = []
  const seek = (member: string) => {
    asked.push(member)
    return member === "f" ? `${member}!` : undefined
  }
  expect([set.seek(seek), asked, set.seek(() => undefined)]).toEqual(["f!", ["h", "f"], undefined])
})

it("who is taken out while the slots are read has left an empty one", () => {
  const set = new ForgetfulSet<string>()
  const [, b] = ["a", "b", "c"].map((member) => set.add(member))
  const read = set.slots().flatMap(({ member }) => {
    if (member === "a") set.delete(b!)
    return member ?? []
  })
  expect(read).toEqual(["a", "c"])
})

it("a map has its values by their keys, in the order of these", () => {
  const map = new ForgetfulMap<string, number>()
  expect(map.first()).toBeUndefined()
  map.set("a", 1)
  map.set("b", 2)
  map.set("a", 3)
  expect([map.size, map.get("a"), map.has("b"), map.first()]).toEqual([2, 3, true, 3])
  expect([Array.from(map.keys()), map.values(), map.entries()]).toEqual([
    ["a", "b"],
    [3, 2],
    [
      ["a", 3],
      ["b", 2],
    ],
  ])
  expect([map.delete("a"), map.delete("a"), map.get("a"), map.first()]).toEqual([true, false, undefined, 2])
  map.set("c", 4)
  map.set("d", 5)
  map.delete("b")
  map.set("b", 6)
  const read: Array<string> = []
  for (const key of map.keys()) {
    read.push(key)
    if (key === "c") map.delete("d")
  }
  expect([read, map.values()]).toEqual([
    ["c", "b"],
    [4, 6],
  ])
  map.clear()
  expect([map.size, map.get("b"), map.values()]).toEqual([0, undefined, []])
})
