import { describe, expect, it } from "@effect/vitest"
import { parse } from "@plussub/srt-vtt-parser"
import { cuesOf } from "../../src/transcription/Cue.ts"
import { srt, vtt } from "../../src/transcription/Subtitles.ts"
import { randomSegments } from "../support/segments.ts"

const unescaped = (text: string) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&")

interface Entry {
  readonly from: number
  readonly to: number
  readonly text: string
}

/** What a reader that is not ours finds in subtitles. */
const read = (subtitles: string): ReadonlyArray<Entry> =>
  (parse(subtitles).entries as ReadonlyArray<Entry>).map(({ from, text, to }) => ({ from, to, text }))

describe("subtitles", () => {
  it("are SubRip as players know it", () => {
    expect(srt([{ startMs: 3_723_004, endMs: 3_724_000, lines: ["The birds", "are back."] }])).toBe(
      "1\n01:02:03,004 --> 01:02:04,000\nThe birds\nare back.\n\n",
    )
  })

  it("are WebVTT as browsers know it", () => {
    expect(vtt([{ startMs: 0, endMs: 1_500, lines: ["R&D <b>"] }])).toBe(
      "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nR&amp;D &lt;b&gt;\n\n",
    )
    expect(vtt([])).toBe("WEBVTT\n\n")
  })

  it.each([
    ["srt", srt, (line: string) => line.replaceAll("-->", "→"), (text: string) => text],
    ["vtt", vtt, (line: string) => line, unescaped],
  ] as const)(
    "a library that did not write %s reads the same times and lines: 300 transcripts",
    (_, write, kept, unmarked) => {
      for (let seed = 1; seed <= 300; seed += 1) {
        const cues = randomSegments(seed).flatMap(cuesOf)
        expect(
          read(write(cues)).map((entry) => ({ ...entry, text: unmarked(entry.text) })),
          `seed ${seed}`,
        ).toEqual(
          cues.map(({ endMs, lines, startMs }) => ({ from: startMs, to: endMs, text: lines.map(kept).join("\n") })),
        )
      }
    },
  )
})
