import { isSsml } from "../audio/Ssml.ts"
import { longestSaid, mustSound, surelySaid } from "./SpokenLength.ts"

/** Slowest and fastest plausible pace of a language, in letters per second at speed 1. */
export type Pace = readonly [slowest: number, fastest: number]

/**
 * Paces by primary language subtag. Unhurried speech has 12 to 14 letters a second in English and a fast reader 16 (200
 * words a minute), so that 20 keeps every voice in while half of a synthesis (24 and more) falls out. Scripts without
 * vowels or with syllables and words as letters have fewer a second. `AVIARY_PACES` overrides them.
 */
const paces: Readonly<Record<string, Pace>> = {
  en: [1.5, 20],
  es: [1.5, 22],
  fr: [1.5, 21],
  de: [1.5, 20],
  it: [1.5, 22],
  pt: [1.5, 22],
  vi: [1.5, 21],
  hi: [1, 16],
  ar: [1, 16],
  ja: [0.8, 12],
  ko: [0.8, 10],
  zh: [0.6, 7.5],
}
const anyPace: Pace = [0.6, 22]

/** Milliseconds that a short text may take beyond its pace: breath, and the silence before and after. */
const allowanceMs = 6_000

/** Below this many letters a duration says nothing: "A." and "Mhm." differ by a factor of four. */
const judgedFrom = 8

/**
 * What is known of one engine call that ended properly. That it did, that its declared length was met and that its
 * samples were whole, is what `MagpieClient` fails about.
 *
 * @property durationMs of the audio it gave
 */
export interface Evidence {
  readonly text: string
  readonly language: string
  readonly speed: number
  readonly durationMs: number
}

/** `complete`, or why it cannot be the whole speech. The words are label values of a metric. */
export type Verdict = "complete" | "empty" | "too short" | "too long"

/** What is left of the shortest time when a voice is hurried: it does not keep to the speed exactly. Measured with Flite at 4. */
const hurried = 0.8

/** Milliseconds between which the speech of a text plausibly lies. `shortest` is 0 where it can not be judged. */
export const plausible = (
  { text, language, speed }: Omit<Evidence, "durationMs">,
  overrides: Readonly<Record<string, Pace>> = {},
): { readonly shortest: number; readonly longest: number } => {
  // Its pauses and spellings are the client's.
  if (isSsml(text)) return { shortest: 0, longest: Infinity }
  const primary = language.split("-")[0]?.toLowerCase() ?? ""
  const [slowest, fastest] = overrides[primary] ?? paces[primary] ?? anyPace
  const letters = surelySaid(text, language)
  return {
    shortest: letters < judgedFrom ? 0 : (((letters / fastest) * 1000) / speed) * (speed > 1 ? hurried : 1),
    longest: (longestSaid(text, language, slowest) * 1000 + allowanceMs) / speed,
  }
}

/**
 * The one decision whether what an engine made can be the whole of what it was asked for. Silence is, of a text in
 * scripts that the voice may skip.
 */
export const judge = (
  evidence: Evidence,
  overrides?: Readonly<Record<string, Pace>>,
  { longest, shortest } = plausible(evidence, overrides),
): Verdict => {
  if (evidence.durationMs === 0) return mustSound(evidence.text, evidence.language) ? "empty" : "complete"
  if (evidence.durationMs < shortest) return "too short"
  if (evidence.durationMs > longest) return "too long"
  return "complete"
}
