import type { Cue } from "./Cue.ts"

/** `01:02:03.004`; `mark` stands before the thousandths. */
const timestamp = (ms: number, mark: "," | "."): string => {
  const pad = (value: number, digits: number) => String(Math.floor(value)).padStart(digits, "0")
  return `${pad(ms / 3_600_000, 2)}:${pad((ms / 60_000) % 60, 2)}:${pad((ms / 1_000) % 60, 2)}${mark}${pad(ms % 1_000, 3)}`
}

const span = ({ endMs, startMs }: Cue, mark: "," | ".") => `${timestamp(startMs, mark)} --> ${timestamp(endMs, mark)}`

/** In both formats an arrow makes a line of times of any line. */
const withoutArrow = (line: string): string => line.replaceAll("-->", "→")

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" }

/** SubRip. It has no way to write a mark as it is; players that know tags of HTML leave others alone. */
export const srt = (cues: ReadonlyArray<Cue>): string =>
  cues.map((cue, i) => `${i + 1}\n${span(cue, ",")}\n${cue.lines.map(withoutArrow).join("\n")}\n\n`).join("")

/** WebVTT (W3C), where `&`, `<` and `>` are written as entities. */
export const vtt = (cues: ReadonlyArray<Cue>): string =>
  `WEBVTT\n\n${cues
    .map(
      (cue) =>
        `${span(cue, ".")}\n${cue.lines.map((line) => line.replace(/[&<>]/g, (mark) => entities[mark]!)).join("\n")}\n\n`,
    )
    .join("")}`
