import { Deferred, Effect, Fiber, Scope, Stream } from "effect"
import { encodedSampleRate } from "../audio/format/AudioFormat.ts"
import type { Encoders } from "../audio/Encoders.ts"
import { noBytes } from "../audio/format/Format.ts"
import { durationMs, type Pcm } from "../audio/Pcm.ts"
import { throughPieces } from "../audio/Pieces.ts"
import { noSounds, sounding } from "../audio/Sounds.ts"
import type { StreamEncoder } from "../audio/StreamEncoder.ts"
import type { Utterance } from "../upstream/Utterance.ts"
import type { Plan } from "./Plan.ts"
import { fadeSeams } from "./Seam.ts"
import { Incomplete, SpeechError, type SpeechFailure, Unspeakable } from "./SpeechError.ts"
import { codePoints, isSpeakable } from "./SpokenText.ts"
import { split } from "./Utterances.ts"
import { judge, type Pace, plausible } from "./Verdict.ts"

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

/** Chunks of the next utterance that may wait for their turn: about half a minute of audio, below 2 MB. */
const aheadChunks = 128

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
  let played = 0
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
  const counted = throughPieces(
    (chunk: Pcm) =>
      Effect.sync(() => {
        played += durationMs(chunk) / stretched
        return chunk
      }),
    Effect.suspend(() => (played === 0 ? Effect.fail(nothing()) : Effect.undefined)),
  )
  return {
    ...encode(counted(pcm), plan, stretched, encoders),
    foresee: (made) => (played === 0 ? made : (made / played) * quickly()),
    durationMs: () => Math.round(played),
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
    const bounds = plausible(said, paces)
    const verdict = Effect.suspend(() => {
      const word = judge({ ...said, durationMs: heard }, paces, bounds)
      return word === "complete" ? Effect.void : Effect.fail(incomplete(word, heard, bounds))
    })
    const within = (chunk: Pcm) => {
      heard += durationMs(chunk)
      return heard > bounds.longest ? Effect.as(verdict, chunk) : Effect.succeed(chunk)
    }
    return throughPieces(within, Effect.as(verdict, undefined))(magpie.synthesize(utterance, begun))
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
    Stream.toQueue({ capacity: aheadChunks }),
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

const encode = (
  pcm: Stream.Stream<Pcm, SpeechFailure>,
  plan: Plan,
  speed: number,
  encoders: Encoders["Service"],
): Pick<Take, "bytes" | "head"> => {
  let head: Uint8Array | undefined
  const bytes = Effect.gen(function* () {
    const scope = yield* Effect.scope
    let encoder: StreamEncoder | undefined
    const encoderFor = (inputSampleRate: number) =>
      encoders
        .open({
          format: plan.format,
          sampleRate: encodedSampleRate(plan.format, inputSampleRate, plan.sampleRate),
          inputSampleRate,
          speed,
        })
        .pipe(
          Scope.provide(scope),
          Effect.tap((made) => Effect.sync(() => (encoder = made))),
        )
    const end = Effect.suspend(() => encoder?.flush ?? Effect.succeed(undefined)).pipe(
      Effect.map((rest) => {
        head = rest?.head
        return rest?.bytes ?? noBytes
      }),
    )
    /** What is encoded at no cost goes as it comes: each piece costs everybody after it. */
    const pieces = (chunk: Pcm) => {
      const cut = (made: StreamEncoder) => (made.isCheap ? [chunk] : slices(chunk))
      return encoder === undefined ? Effect.map(encoderFor(chunk.sampleRate), cut) : Effect.succeed(cut(encoder))
    }
    return pcm.pipe(
      Stream.mapEffect(pieces),
      Stream.flattenIterable,
      Stream.mapEffect(({ samples }) => encoder!.encode(samples)),
      Stream.concat(Stream.fromEffect(end)),
      Stream.filter((encoded) => encoded.length > 0),
    )
  })
  return { bytes: Stream.unwrap(bytes), head: () => head }
}

const slices = (chunk: Pcm): Array<Pcm> => {
  const width = Math.max(1, Math.round((chunk.sampleRate * sliceMs) / 1000))
  const cut: Array<Pcm> = []
  for (let at = 0; at < chunk.samples.length; at += width) {
    cut.push({ sampleRate: chunk.sampleRate, samples: chunk.samples.subarray(at, at + width) })
  }
  return cut
}
