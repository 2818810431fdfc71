import { expect, it } from "@effect/vitest"
import { textOf } from "../../src/audio/Segment.ts"
import { makePlacing } from "../../src/transcription/Placing.ts"

const at = (startMs: number, endMs: number, text: string) => ({ startMs, endMs, text })

it("puts segments of a part behind those of the parts before, with a space between their texts", () => {
  const place = makePlacing(60_000)
  const placed = [
    place(at(0, 900, "One"), 0, true),
    place(at(900, 1_900, " two."), 0, false),
    place(at(0, 500, "Three."), 30_000, true),
  ]
  expect(placed.map(({ endMs, startMs }) => [startMs, endMs])).toEqual([
    [0, 900],
    [900, 1_900],
    [30_000, 30_500],
  ])
  expect(textOf(placed)).toBe("One two. Three.")
})

it("puts no second space, and none between scripts that have none", () => {
  const join = (...parts: ReadonlyArray<string>) => {
    const place = makePlacing(1_000)
    return textOf(parts.map((text) => place(at(0, 1, text), 0, true)))
  }
  expect(join("One. ", " Two.")).toBe("One. Two.")
  expect(join("今天", "天气很好。", "谢谢")).toBe("今天天气很好。谢谢")
  expect(join(" One")).toBe("One")
})

it("lets no time go back or leave the recording, whatever the engine says", () => {
  const place = makePlacing(2_000)
  const words = [
    { word: "a", startMs: 100, endMs: 50 },
    { word: "b", startMs: 10, endMs: 99_999 },
  ]
  const placed = [
    place({ ...at(500, 100, "a"), words }, 0, true),
    place(at(-5, 700, " b"), 0, false),
    place(at(100, 9_000, "c"), 1_500, true),
  ]
  expect(placed.map(({ endMs, startMs }) => [startMs, endMs])).toEqual([
    [500, 500],
    [500, 700],
    [1_600, 2_000],
  ])
  expect(placed[0]!.words).toEqual([
    { word: "a", startMs: 500, endMs: 500 },
    { word: "b", startMs: 500, endMs: 500 },
  ])
})
