/** A word or a line of a transcript, in seconds of its recording. */
export interface Timed {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** @property lines none where the engine gives no times */
export interface Transcript {
  readonly text: string
  readonly lines: ReadonlyArray<Timed>
  readonly words: ReadonlyArray<Timed>
  readonly seconds: number | undefined
}

/** An answer of `verbose_json` or `json`. */
export interface Answer {
  readonly text: string
  readonly duration?: number
  readonly segments?: ReadonlyArray<Timed>
  readonly words?: ReadonlyArray<{ readonly start: number; readonly end: number; readonly word: string }>
  readonly usage?: { readonly seconds?: number }
}

export const transcriptOf = ({ duration, segments, text, usage, words }: Answer): Transcript => ({
  text,
  lines: (segments ?? []).map((line) => ({ start: line.start, end: line.end, text: line.text.trim() })),
  words: (words ?? []).map(({ end, start, word }) => ({ start, end, text: word.trim() })),
  seconds: duration ?? usage?.seconds,
})

/** Words of `line`: those that begin within it. */
export const wordsOf = (line: Timed, words: ReadonlyArray<Timed>): ReadonlyArray<Timed> =>
  words.filter(({ start }) => start >= line.start - 0.001 && start < line.end)

const stamp = (seconds: number, comma: string): string => {
  const whole = Math.round(seconds * 1_000)
  const pad = (value: number, width = 2) => String(value).padStart(width, "0")
  const [h, m, s] = [Math.floor(whole / 3_600_000), Math.floor(whole / 60_000) % 60, Math.floor(whole / 1_000) % 60]
  return `${pad(h)}:${pad(m)}:${pad(s)}${comma}${pad(whole % 1_000, 3)}`
}

export const srtOf = (lines: ReadonlyArray<Timed>): string =>
  lines
    .map(({ end, start, text }, index) => `${index + 1}\n${stamp(start, ",")} --> ${stamp(end, ",")}\n${text}\n\n`)
    .join("")

// A cue's text is markup in WebVTT.
const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

export const vttOf = (lines: ReadonlyArray<Timed>): string =>
  `WEBVTT\n\n${lines.map(({ end, start, text }) => `${stamp(start, ".")} --> ${stamp(end, ".")}\n${escaped(text)}\n\n`).join("")}`
