import type { Segment } from "../audio/Segment.ts"
import { type Piece, piecesOf } from "./CuePieces.ts"

/** What is shown at a time: one or two lines, and from when to when, in milliseconds. */
export interface Cue {
  readonly startMs: number
  readonly endMs: number
  readonly lines: ReadonlyArray<string>
}

/** Widest line, in columns, of which two are read at a glance. */
export const lineColumns = 42

/** What it costs to end a line or a cue behind a piece: little where a reader pauses anyway. */
const sentenceEnd = 0
const clauseEnd = 2
const beforeJoin = 4
const between = 7
const afterBinder = 14

/** What it costs that a cue is there at all, is one word alone, ends one sentence and begins another; that a line is one word, and lines unlike. */
const perCue = 5
const loneCue = 25
const sentenceBegun = 8
const loneLine = 12
const perColumn = 0.1

/** Words that begin what belongs together, so that a line may well end before them. */
const joins =
  /^(and|but|or|nor|so|because|that|which|who|whom|whose|when|where|while|if|unless|until|after|before|although|though|than|as|to|of|in|on|at|for|from|with|by|about|into|through)$/i

/** Words that nobody pauses behind. */
const binders =
  /^(a|an|the|this|these|those|my|your|his|her|its|our|their|to|of|in|on|at|for|from|with|by|into|and|but|or|is|are|was|were|be|been|am|have|has|had|will|would|can|could|should|may|might|must|do|does|did|not|no|very|mr|mrs|ms|dr|st|prof|i)\.?$/i

const bare = (word: string): string => word.replace(/[^\p{L}\p{N}]+/gu, "")

const breakCost = (piece: Piece, next: Piece | undefined): number => {
  if (next === undefined) return sentenceEnd
  if (binders.test(piece.text)) return afterBinder
  if (/[.?!…。？！]["'”’)\]]*$/u.test(piece.text)) return sentenceEnd
  if (/[,;:—–、，；：]["'”’)\]]*$/u.test(piece.text)) return clauseEnd
  return joins.test(bare(next.text)) ? beforeJoin : between
}

const widthOf = (pieces: ReadonlyArray<Piece>, from: number, to: number, starts: ReadonlyArray<number>): number =>
  starts[to]! - starts[from]! - (pieces[from]!.spaced ? 1 : 0)

interface Plan {
  readonly cost: number
  /** Where the second line begins, if there is one, and where the next cue does. */
  readonly second: number | undefined
  readonly next: number
}

/** The cheapest way to show `pieces[from…]`, by dynamic programming from the end: each word is looked at some thirty times. */
const plans = (pieces: ReadonlyArray<Piece>): ReadonlyArray<Plan> => {
  const starts = [0]
  for (const { spaced, width } of pieces) starts.push(starts.at(-1)! + width + (spaced ? 1 : 0))
  const width = (from: number, to: number) => widthOf(pieces, from, to, starts)
  const breaks = pieces.map((piece, i) => breakCost(piece, pieces[i + 1]))
  const best: Array<Plan> = []
  best[pieces.length] = { cost: 0, second: undefined, next: pieces.length }

  for (let from = pieces.length - 1; from >= 0; from -= 1) {
    let cheapest: Plan = { cost: Infinity, second: undefined, next: from + 1 }
    let ended = false
    for (let next = from + 1; next <= pieces.length && width(from, next) <= 2 * lineColumns + 1; next += 1) {
      const layout = lines(from, next, width, breaks)
      const lone = next - from === 1 && pieces.length > 1 ? loneCue : 0
      const ends = breaks[next - 1] === sentenceEnd
      const begun = ended && !ends ? sentenceBegun : 0
      ended ||= ends
      const cost = perCue + layout.cost + lone + begun + breaks[next - 1]! + best[next]!.cost
      if (cost < cheapest.cost) cheapest = { cost, second: layout.second, next }
    }
    best[from] = cheapest
  }
  return best
}

/** One line where it fits; else the two that end best. */
const lines = (
  from: number,
  next: number,
  width: (from: number, to: number) => number,
  breaks: ReadonlyArray<number>,
): { readonly cost: number; readonly second: number | undefined } => {
  if (width(from, next) <= lineColumns) return { cost: 0, second: undefined }
  let cheapest: { readonly cost: number; readonly second: number | undefined } = { cost: Infinity, second: undefined }
  for (let second = from + 1; second < next; second += 1) {
    const [upper, lower] = [width(from, second), width(second, next)]
    if (upper > lineColumns || lower > lineColumns) continue
    const lone = second - from === 1 || next - second === 1 ? loneLine : 0
    const cost = breaks[second - 1]! + lone + perColumn * Math.abs(upper - lower)
    if (cost < cheapest.cost) cheapest = { cost, second }
  }
  return cheapest
}

const textOf = (pieces: ReadonlyArray<Piece>): string =>
  pieces.map(({ spaced, text }, i) => (i > 0 && spaced ? ` ${text}` : text)).join("")

/**
 * `segment` as people read subtitles: at most two lines of 42 columns, ended at clauses and without a word alone where there is a
 * choice. All of its text is in the cues, in order. Cues without a millisecond of their own are one with the next.
 */
export const cuesOf = (segment: Segment): ReadonlyArray<Cue> => {
  const pieces = piecesOf(segment, lineColumns)
  const planned = pieces.length === 0 ? [] : plans(pieces)
  const cues: Array<Cue> = []
  let waiting: ReadonlyArray<string> = []
  let waitingSince: number | undefined
  for (let from = 0; from < pieces.length;) {
    const { next, second } = planned[from]!
    const shown =
      second === undefined
        ? [textOf(pieces.slice(from, next))]
        : [textOf(pieces.slice(from, second)), textOf(pieces.slice(second, next))]
    const startMs = waitingSince ?? Math.max(Math.round(pieces[from]!.startMs), cues.at(-1)?.endMs ?? segment.startMs)
    const endMs = next === pieces.length ? segment.endMs : Math.round(pieces[next - 1]!.endMs)
    if (endMs > startMs) {
      cues.push({ startMs, endMs, lines: [...waiting, ...shown] })
      waiting = []
      waitingSince = undefined
    } else {
      waiting = [...waiting, ...shown]
      waitingSince = startMs
    }
    from = next
  }
  const last = cues.pop()
  if (last === undefined) {
    return waiting.length === 0 ? [] : [{ startMs: segment.startMs, endMs: segment.endMs, lines: waiting }]
  }
  return [...cues, { ...last, lines: [...last.lines, ...waiting] }]
}
