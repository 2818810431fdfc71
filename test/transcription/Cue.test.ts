import { describe, expect, it } from "@effect/vitest"
import { textOf } from "../../src/audio/Segment.ts"
import { cuesOf, lineColumns } from "../../src/transcription/Cue.ts"
import { randomSegments } from "../support/segments.ts"

const spoken =
  "And Mister John Dashwood had then leisure to consider how much there might be prudently in his power to do for them. He might even have been made amiable himself, if he had married a more amiable woman; for he was very young when he married, and very fond of his wife."

const shown = (text: string) => cuesOf({ startMs: 0, endMs: 20_000, text }).map(({ lines }) => lines.join(" / "))

describe("cuesOf", () => {
  it("breaks lines where a reader pauses: at sentences and clauses first", () => {
    expect(shown(spoken)).toEqual([
      "And Mister John Dashwood had then leisure / to consider how much",
      "there might be prudently / in his power to do for them.",
      "He might even have been made / amiable himself,",
      "if he had married a more amiable woman; / for he was very young when he married,",
      "and very fond of his wife.",
    ])
  })

  it("leaves what fits one line on one line", () => {
    expect(shown("The birds are back.")).toEqual(["The birds are back."])
  })

  it("leaves no word alone where there is a choice", () => {
    const cues = shown(
      "nobody was there who could have told them anything about it at all then so they went home again slowly afterwards",
    )
    for (const line of cues.flatMap((cue) => cue.split(" / "))) expect(line).toContain(" ")
  })

  it("does not part a title from its name", () => {
    const lines = shown("We waited a long time for the arrival of Dr. Smith, who had the keys of the house.")
    expect(lines.flatMap((cue) => cue.split(" / ")).filter((line) => line.includes("Dr. Smith"))).toHaveLength(1)
  })

  it("breaks scripts without spaces between words, by their width", () => {
    const text = "我们今天要讨论的是人工智能的未来发展以及它对社会的影响，特别是对年轻人的影响。谢谢大家。"
    const cues = cuesOf({ startMs: 0, endMs: 9_000, text })
    expect(cues.flatMap(({ lines }) => lines).join("")).toBe(text)
    for (const line of cues.flatMap(({ lines }) => lines)) expect(line.length).toBeLessThanOrEqual(lineColumns / 2)
  })

  it("takes a word's own times where they are told", () => {
    const words = spoken.split(" ").map((word, i) => ({ word, startMs: i * 1_000, endMs: i * 1_000 + 800 }))
    const [first, second] = cuesOf({ startMs: 0, endMs: 60_000, text: spoken, words })
    expect([first!.startMs, first!.endMs, second!.startMs]).toEqual([0, 10_800, 11_000])
  })

  it("says nothing where nothing is said", () => {
    expect(cuesOf({ startMs: 0, endMs: 1_000, text: " " })).toEqual([])
  })

  it("keeps every word, two lines of 42 columns and the order of times, whatever is said when: 500 transcripts", () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const segments = randomSegments(seed)
      const cues = segments.flatMap(cuesOf)
      const words = (text: string) => text.replace(/\s+/gu, "")
      expect(words(cues.flatMap(({ lines }) => lines).join("")), `seed ${seed}`).toBe(words(textOf(segments)))
      let earlier = 0
      for (const { endMs, lines, startMs } of cues) {
        expect(startMs, `seed ${seed}`).toBeGreaterThanOrEqual(earlier)
        expect(endMs, `seed ${seed}`).toBeGreaterThanOrEqual(startMs)
        earlier = endMs
        // What has no time of its own is shown with what has.
        if (segments.every((segment) => segment.endMs - segment.startMs > 5_000)) {
          expect(lines.length, `seed ${seed}`).toBeLessThanOrEqual(2)
        }
        for (const line of lines) expect(line.length, `seed ${seed}`).toBeLessThanOrEqual(lineColumns)
      }
      expect(earlier).toBeLessThanOrEqual(segments.at(-1)!.endMs)
    }
  })
})
