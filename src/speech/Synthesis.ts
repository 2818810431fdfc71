import { Array, Cause, Deferred, Effect, Fiber, type Pull, Result, Scope, Stream } from "effect"
import { encodedSampleRate } from "../audio/format/AudioFormat.ts"
import type { Encoders } from "../audio/Encoders.ts"
import { durationMs, giveBack, type Pcm } from "../audio/Pcm.ts"
import { throughPieces } from "../audio/Pieces.ts"
import { noSounds, sounding } from "../audio/Sounds.ts"
import type { StreamEncoder } from "../audio/StreamEncoder.ts"
import type { Utterance } from "../upstream/Utterance.ts"
import type { Plan } from "./Plan.ts"
import { fadeSeams } from "./Seam.ts"
import { Incomplete, SpeechError, type SpeechFailure, Unspeakable } from "./SpeechError.ts"
import { codePoints, isSpeakable } from "./SpokenText.ts"
import { split } from "./Utterances.ts"
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

/**
 * A speech being made.
 *
 * @property bytes encoded audio as it is made; ends only after a good verdict on every utterance and the encoder's flush
 * @property foresee bytes that the whole plausibly has, by what so many bytes of it last and by how a quick reader would read the text:
 *   a speaker is hardly quicker, so that who leaves is not charged less than it heard
 * @property durationMs length of what was encoded so far; the whole once `bytes` has ended
 * @property head what the first bytes are, once `bytes` has ended and its length is known; undefined where they stay as they left
 */
export interface Take {
  readonly bytes: Stream.Stream<Uint8Array, SpeechFailure>
  readonly foresee: (made: number) => number
  readonly durationMs: () => number
  readonly head: () => Uint8Array | undefined
}

/**
 * What a take needs of an engine: `MagpieClient`, or one with a guard in front. `maxCharacters` in code points; `begun`:
 * whether the utterance is the continuation of one that sounds. Where the engine speaks at one speed, what it made is stretched.
 */
export interface Synthesizer {
  readonly maxCharacters: number
  readonly supportsSpeed: boolean
  readonly audible?: (text: string) => string
  readonly synthesize: (utterance: Utterance, begun: boolean) => Stream.Stream<Pcm, SpeechFailure>
}

/** What may wait of the next utterance for its turn: so many pieces of at most so many bytes, which is 2 MiB, three quarters of a minute at 22 kHz. */
const aheadPieces = 128
const aheadPieceBytes = 16_384

/** Milliseconds of audio that an encoder is given at once: other streams wait for it, and a client for the first of them. */
const sliceMs = 100

/** How much longer a quick reader takes than the fastest who is plausible: 16 letters a second in English, not 20. */
const quickReader = 1.25

/** Milliseconds that a character takes at least that cannot be judged by pace: it may be read out, or skipped. */
const leastCharacterMs = 40

/** What is answered for a text without anything to say, such as ".". */
const silence: Pcm = { sampleRate: 24_000, samples: new Int16Array(6_000) }

/** Makes the speech of `plan` on `magpie`. Interrupting `bytes` ends the engine's work. */
export const synthesize = (
  plan: Plan,
  magpie: Synthesizer,
  encoders: Encoders["Service"],
  paces?: Readonly<Record<string, Pace>>,
): Take => {
  const speed = magpie.supportsSpeed ? plan.speed : 1
  const stretched = plan.speed / speed
  const { sounds } = plan
  const utterances = split(plan.text, magpie.maxCharacters, plan.language, sounds)
    .filter((text) => isSpeakable(text) && isSpeakable(magpie.audible?.(text) ?? text))
    .map((text): Utterance => ({
      ...{ text, voice: plan.voice, language: plan.language, speed },
      ...(sounds.size > 0 && { sounds }),
    }))
  const parts = utterances.map((utterance, index) =>
    fadeSeams(judged(utterance, index > 0, magpie, paces), {
      opening: index > 0,
      closing: index < utterances.length - 1,
    }),
  )
  const pcm = parts.length === 0 ? Stream.succeed(silence) : inOrder(parts)
  const nothing = () => new SpeechError({ reason: new Unspeakable({ voice: plan.voice, language: plan.language }) })
  const quickly = () => utterances.reduce((sum, one) => sum + quickestMs(one, paces) / stretched, 0)
  const { bytes, head, playedMs } = encode(pcm, plan, stretched, encoders, nothing)
  return {
    ...{ bytes, head },
    foresee: (made) => (playedMs() === 0 ? made : (made / playedMs()) * quickly()),
    durationMs: () => Math.round(playedMs()),
  }
}

/** A word whose sounds are said is as long as those. */
const asHeard = ({ language, sounds = noSounds, speed, text }: Utterance) => ({
  ...{ language, speed },
  text: sounding(text, sounds),
})

/** Milliseconds that a quick reader takes. */
const quickestMs = (utterance: Utterance, paces: Readonly<Record<string, Pace>> | undefined): number =>
  Math.max(
    quickReader * plausible(asHeard(utterance), paces).shortest,
    (leastCharacterMs * codePoints(utterance.text)) / utterance.speed,
  )

/** One engine call and the verdict on it. Fails as soon as the engine has babbled on for too long. */
const judged = (
  utterance: Utterance,
  begun: boolean,
  magpie: Synthesizer,
  paces: Readonly<Record<string, Pace>> | undefined,
): Stream.Stream<Pcm, SpeechFailure> =>
  Stream.suspend(() => {
    let heard = 0
    const said = asHeard(utterance)
    let known: ReturnType<typeof plausible> | undefined
    // Mostly not before the end: neither the engine nor the first of its audio waits for it.
    const bounds = () => (known ??= plausible(said, paces))
    const verdict = <A>(passed: A): Result.Result<A, SpeechFailure> => {
      const word = judge({ ...said, durationMs: heard }, paces, bounds())
      return word === "complete" ? Result.succeed(passed) : Result.fail(incomplete(word, heard, bounds()))
    }
    const within = (chunk: Pcm) => {
      heard += durationMs(chunk)
      // No text may take less than the allowance.
      return heard * said.speed > allowanceMs && heard > bounds().longest ? verdict(chunk) : Result.succeed(chunk)
    }
    return throughPieces<Pcm, Pcm, SpeechFailure, SpeechFailure>(
      within,
      () => verdict(undefined),
      (error) => error,
    )(magpie.synthesize(utterance, begun))
  })

/** The error of a verdict that is not `complete`; `heard` in milliseconds. */
export const incomplete = (
  verdict: "empty" | "too short" | "too long",
  heard: number,
  { longest, shortest }: ReturnType<typeof plausible>,
) => {
  const seconds = (millis: number) => (millis / 1000).toFixed(1)
  const message =
    verdict === "empty"
      ? "it ended without any audio."
      : verdict === "too short"
        ? `it ended after ${seconds(heard)} s, and the text takes ${seconds(shortest)} s at least.`
        : `${seconds(heard)} s and no end, and the text takes ${seconds(longest)} s at most.`
  return new SpeechError({ reason: new Incomplete({ verdict, message }) })
}

/** The parts one after the other, the next one asked for as soon as the one before it has begun to sound. */
const inOrder = (parts: ReadonlyArray<Stream.Stream<Pcm, SpeechFailure>>): Stream.Stream<Pcm, SpeechFailure> =>
  parts.length === 1
    ? parts[0]!
    : Stream.unwrap(
        Effect.gen(function* () {
          const scope = yield* Effect.scope
          return from(parts, yield* start(parts[0]!, scope), scope)
        }),
      )

interface Started {
  readonly audio: Stream.Stream<Pcm, SpeechFailure>
  readonly sounds: Effect.Effect<void>
}

const start = Effect.fnUntraced(function* (part: Stream.Stream<Pcm, SpeechFailure>, scope: Scope.Scope) {
  const first = yield* Deferred.make<void>()
  const queue = yield* part.pipe(
    Stream.onFirst(() => Deferred.succeed(first, undefined)),
    // One in a script that the voice skips never sounds.
    Stream.onEnd(Deferred.succeed(first, undefined)),
    // An engine may give megabytes at once.
    Stream.mapArray(Array.flatMap((chunk) => cut(chunk, aheadPieceBytes / chunk.samples.BYTES_PER_ELEMENT))),
    Stream.toQueue({ capacity: aheadPieces }),
    Scope.provide(scope),
  )
  return { audio: Stream.fromQueue(queue), sounds: Deferred.await(first) } satisfies Started
})

const from = (
  parts: ReadonlyArray<Stream.Stream<Pcm, SpeechFailure>>,
  current: Started,
  scope: Scope.Scope,
): Stream.Stream<Pcm, SpeechFailure> => {
  const [, ...rest] = parts
  const next = rest[0]
  if (next === undefined) return current.audio
  return Stream.unwrap(
    Effect.map(Effect.forkIn(Effect.andThen(current.sounds, start(next, scope)), scope), (starting) =>
      Stream.concat(
        current.audio,
        Stream.unwrap(Effect.map(Fiber.join(starting), (started) => from(rest, started, scope))),
      ),
    ),
  )
}

/** What encodes `pcm`: one stage, for each costs every piece as much again. `nothing` is what it fails with where there was no sample. */
const encode = (
  pcm: Stream.Stream<Pcm, SpeechFailure>,
  plan: Plan,
  speed: number,
  encoders: Encoders["Service"],
  nothing: () => SpeechFailure,
) => {
  let head: Uint8Array | undefined
  let playedMs = 0
  type Encoded = Effect.Effect<readonly [Uint8Array, ...Array<Uint8Array>], SpeechFailure | Cause.Done>

  const start = (pull: Pull.Pull<ReadonlyArray<Pcm>, SpeechFailure>, scope: Scope.Scope) => {
    let encoder: StreamEncoder | undefined
    let isOver = false
    const waiting: Array<Pcm> = []
    let memory: Pcm["memory"]

    const openFor = (inputSampleRate: number) => {
      const sampleRate = encodedSampleRate(plan.format, inputSampleRate, plan.sampleRate)
      const open = encoders.open({ format: plan.format, sampleRate, inputSampleRate, speed })
      return Effect.map(Scope.provide(open, scope), (opened) => (encoder = opened))
    }
    /** All before `next`. Some of it may have been copied, and what follows in the same memory not. */
    const encodedTo = (next: Pcm | undefined) => {
      if (encoder!.copies === true && memory !== next?.memory) giveBack(memory)
      memory = next?.memory
    }
    const some = (made: ReadonlyArray<Uint8Array>): Encoded => {
      const [first, ...others] = made.filter((bytes) => bytes.length > 0)
      return first === undefined ? more : Effect.succeed([first, ...others])
    }
    /** What is encoded at no cost goes as it comes. Of the rest a slice goes as soon as it is encoded. */
    const take = ({ now }: StreamEncoder, chunks: ReadonlyArray<Pcm>): Encoded => {
      if (now !== undefined) return some(chunks.map(({ samples }) => now(samples)))
      for (const chunk of chunks)
        waiting.push(...cut(chunk, Math.max(1, Math.round((chunk.sampleRate * sliceMs) / 1000))))
      return more
    }
    const pulled = Effect.matchEffect(pull, {
      onSuccess: (chunks): Encoded => {
        for (const chunk of chunks) playedMs += durationMs(chunk) / speed
        return encoder === undefined
          ? Effect.flatMap(openFor(chunks[0]!.sampleRate), (opened) => take(opened, chunks))
          : take(encoder, chunks)
      },
      onFailure: (error): Encoded => {
        if (!Cause.isDone(error)) return Effect.fail(error)
        isOver = true
        if (playedMs === 0) return Effect.fail(nothing())
        return Effect.flatMap(encoder!.flush, (rest) => {
          head = rest.head
          encodedTo(undefined)
          return some([rest.bytes])
        })
      },
    })
    const more: Encoded = Effect.suspend(() => {
      const next = waiting.shift()
      if (next === undefined) return isOver ? Cause.done() : pulled
      encodedTo(next)
      return Effect.flatMap(encoder!.encode(next.samples), (bytes) => some([bytes]))
    })
    return more
  }
  return {
    bytes: Stream.transformPull(pcm, (pull, scope) => Effect.sync(() => start(pull, scope))),
    head: () => head,
    playedMs: () => playedMs,
  }
}

/** In pieces of at most `width` samples, uncopied. */
const cut = (chunk: Pcm, width: number): Array.NonEmptyReadonlyArray<Pcm> => {
  const { samples } = chunk
  if (samples.length <= width) return [chunk]
  return Array.makeBy(Math.ceil(samples.length / width), (at) => ({
    ...chunk,
    samples: samples.subarray(at * width, (at + 1) * width),
  }))
}
