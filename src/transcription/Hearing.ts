import { Duration, Effect, FileSystem, Metric, Stream } from "effect"
import { type DecodedRecording, type Recording, recordingSampleRate } from "../audio/Recording.ts"
import type { Segment } from "../audio/Segment.ts"
import { makeUrgency, type Priority } from "../billing/Priority.ts"
import { isEnglish } from "../embedded/English.ts"
import { SpeechFinder } from "../embedded/SpeechFinder.ts"
import type { Stretch } from "../embedded/Stretches.ts"
import { EngineGuard, type GuardOptions } from "../health/EngineGuard.ts"
import { type Engines, Fleet, type Member } from "../health/Fleet.ts"
import { Settings } from "../Settings.ts"
import * as Metrics from "../telemetry/Metrics.ts"
import { embeddedFailure } from "../upstream/EmbeddedFailure.ts"
import { errorOf } from "../upstream/EngineError.ts"
import type { Abilities, Listening } from "../upstream/Listening.ts"
import { type Part, partsOf, wholeOf } from "./Parts.ts"
import { makePlacing } from "./Placing.ts"
import { TranscriptionError, type TranscriptionFailure, Unsupported } from "./TranscriptionError.ts"
import { makeWordTimes } from "./WordTimes.ts"
import { wavHeader, wavHeaderBytes } from "../audio/WavHeader.ts"
import { Scratch } from "../scratch/Scratch.ts"
import { spoolFailed } from "../audio/DecodeError.ts"
import { languageName } from "../audio/Language.ts"
import type { ParakeetClient } from "../upstream/ParakeetClient.ts"

/**
 * How a recording is to be heard.
 *
 * @property early what is heard first is of use before the rest
 * @property priority of whoever asks
 */
export interface Asked extends Listening {
  readonly early?: boolean | undefined
  readonly priority?: Priority | undefined
}

/** Seconds that are heard at a time where it matters when something was said, or how soon it is there. */
const shortPart = 30

/** Milliseconds of speech that an engine cannot have heard nothing in. The search takes a cough for as much. */
const surelySpeech = 500

const samplesPerMs = recordingSampleRate / 1_000

/**
 * What was heard, as long as it is asked for.
 *
 * @property unheardMs speech so far that the engine made no text of, though asked twice
 * @property standIn the model inside that heard some of it so far in an engine's place; undefined where none has
 */
export interface Heard {
  readonly segments: Stream.Stream<Segment, TranscriptionFailure>
  readonly unheardMs: () => number
  readonly standIn: () => string | undefined
}

/**
 * Makes recordings of parts of recordings, on disk beside them; each goes with its scope. Nothing is copied where the part is all of it.
 */
const makePartFiles = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const { recordings } = yield* Scratch

  return Effect.fnUntraced(
    function* (recording: Recording, { from, to }: Stretch) {
      if (from === 0 && to === recording.samples) return recording
      const path = yield* recordings.file
      const samples = fs.stream(recording.path, { offset: wavHeaderBytes + 2 * from, bytesToRead: 2 * (to - from) })
      const header = wavHeader(recordingSampleRate, 2 * (to - from))
      yield* Stream.run(Stream.concat(Stream.succeed(header), samples), fs.sink(path))
      return { path, samples: to - from } satisfies Recording
    },
    Effect.mapError((error) => spoolFailed(error.cause)),
  )
})

/** Where a recording has speech, from the first to the last of it, if there is any, and how many samples of it. */
interface Speech {
  readonly lies: Stretch | undefined
  readonly spoken: number
}

const silence: Speech = { lies: undefined, spoken: 0 }

const withMore = ({ lies, spoken }: Speech, { from, to }: Stretch): Speech => ({
  lies: { from: lies?.from ?? from, to },
  spoken: spoken + to - from,
})

/** The speech in a part, whoever has to look for it. */
const makeSpeechIn = Effect.map(SpeechFinder, ({ find }) => (file: Recording, { from, speech, spoken }: Part) => {
  if (spoken !== undefined)
    return Effect.succeed<Speech>({ lies: { from: speech.from - from, to: speech.to - from }, spoken })
  return Stream.runFold(find(file), () => silence, withMore).pipe(
    // Nobody is refused a transcript because of what only doubts it.
    Effect.catch((error) => Effect.as(Effect.logWarning("speech cannot be sought", error.message), silence)),
  )
})

/** `segment` where the speech lies; as it is where none was found. */
const placedAt = (segment: Segment, lies: Stretch | undefined): Segment =>
  lies === undefined
    ? segment
    : {
        ...segment,
        startMs: Math.round(lies.from / samplesPerMs),
        endMs: Math.round(lies.to / samplesPerMs),
      }

/** Whether the engine's one segment says no more than that it heard all of it. */
const isAll = (segment: Segment, { samples }: Recording): boolean =>
  segment.startMs === 0 && segment.endMs >= Math.floor(samples / samplesPerMs)

/** What a thread of the gateway's own did not do is told like an engine's failure. */
const broken = (error: Parameters<typeof embeddedFailure>[0]) => errorOf("parakeet")(embeddedFailure(error))

/** The parts that a recording is heard in, as they are found. */
const makeParts = Effect.gen(function* () {
  const fleet = yield* Fleet
  const finder = yield* SpeechFinder
  const longPart = Duration.toSeconds((yield* Settings).parakeetPart)

  return (recording: Recording, { early, times, words }: Asked) => {
    const abilities = commonAbilities(fleet)
    const placed = (times === true && !abilities.times) || (words === true && !abilities.words && !abilities.times)
    const seconds = placed || (early === true && !abilities.streams) ? Math.min(shortPart, longPart) : longPart
    const longest = seconds * recordingSampleRate
    if (recording.samples <= longest && !placed) return Stream.succeed(wholeOf(recording.samples))
    const found = partsOf(Stream.mapError(finder.find(recording), broken), recording.samples, longest)
    // A voice that the search does not know is the engine's to judge, where that costs one call.
    return recording.samples <= longest
      ? Stream.orElseIfEmpty(found, () => Stream.succeed(wholeOf(recording.samples)))
      : found
  }
})

/** The call for a part: by an engine, or by the one inside where no engine can take it and what is asked for is within its reach. */
const makeCall = Effect.gen(function* () {
  const guard = yield* EngineGuard
  const fleet = yield* Fleet
  const parakeet = fleet.traits("parakeet")
  const { member, orElse } = guard.lastResort("parakeet")

  /** English text with its times, and no more. */
  const isWithinReach = (asked: Asked) =>
    member !== undefined &&
    asked.translate !== true &&
    asked.speakers !== true &&
    isEnglish(parakeet.language(asked.language))

  return (file: Recording, asked: Asked, options: GuardOptions, replaced: (model: string) => void) => {
    const replaceable = isWithinReach(asked)
    const own = guard.stream("parakeet", (client) => client.transcribe(file, asked), {
      ...options,
      among: ableTo(asked, fleet.of("parakeet")),
      replaceable,
    })
    if (!replaceable) return own
    const inside = guard.stream(
      "parakeet",
      (client) =>
        client.transcribe(file, { ...asked, language: "en-US" }).pipe(
          Stream.onStart(Effect.sync(() => replaced(client.model))),
          Stream.map((segment) => ({ ...segment, language: "en-US" })),
        ),
      { ...options, standIn: true },
    )
    return orElse<Segment, TranscriptionFailure, never>(own, inside)
  }
})

/**
 * Hears recordings of any length, part by part: cut at pauses, each part in a turn of its own, so that a recording of hours keeps
 * nobody out. What an engine does not tell is added: where speech lies, and the times of English words.
 */
export const makeHearing = Effect.gen(function* () {
  const callFor = yield* makeCall
  const speechIn = yield* makeSpeechIn
  const partFile = yield* makePartFiles
  const wordTimes = yield* makeWordTimes
  const parts = yield* makeParts

  return (recording: DecodedRecording, asked: Asked): Heard => {
    const place = makePlacing(Math.ceil(recording.samples / samplesPerMs))
    let unheardMs = 0
    let standIn: string | undefined

    const hearPart = (part: Part, number: number) =>
      Stream.unwrap(
        Effect.map(partFile(recording, part), (file) => {
          let count = 0
          const options = { content: recording.sha256, begun: number > 0, urgency: makeUrgency(asked.priority) }
          const call = callFor(file, asked, options, (model) => (standIn = model)).pipe(
            Stream.filter(({ text }) => text.trim() !== ""),
            Stream.mapEffect((segment) =>
              asked.times === true && isAll(segment, file)
                ? Effect.map(speechIn(file, part), ({ lies }) => placedAt(segment, lies))
                : Effect.succeed(segment),
            ),
            Stream.mapEffect((segment) =>
              asked.words === true ? Effect.mapError(wordTimes(file, segment), broken) : Effect.succeed(segment),
            ),
            Stream.map((segment) => place(segment, part.from / samplesPerMs, count++ === 0)),
          )
          const doubted = Effect.gen(function* () {
            if (count > 0) return Stream.empty
            const ms = (yield* speechIn(file, part)).spoken / samplesPerMs
            if (ms < surelySpeech) return Stream.empty
            return Stream.concat(call, Stream.fromEffectDrain(told(ms)))
          })
          const told = (ms: number) =>
            Effect.suspend(() => {
              if (count > 0)
                return Metric.update(Metric.withAttributes(Metrics.emptyTranscripts, { outcome: "heard" }), 1)
              unheardMs += ms
              return Effect.andThen(
                Metric.update(Metric.withAttributes(Metrics.emptyTranscripts, { outcome: "empty" }), 1),
                Effect.logWarning(`the engine made no text of ${Math.round(ms)} ms of speech, though asked twice`),
              )
            })
          return Stream.concat(call, Stream.unwrap(doubted))
        }),
      )

    return {
      segments: parts(recording, asked).pipe(
        Stream.zipWithIndex,
        Stream.flatMap(([part, number]) => hearPart(part, number)),
      ),
      unheardMs: () => unheardMs,
      standIn: () => standIn,
    }
  }
})

type Traits = Pick<ParakeetClient["Service"], "abilities" | "language">

const unsupported = (param: string, message: string) =>
  new TranscriptionError({ reason: new Unsupported({ param, message }) })

/** Why what is asked for is neither this engine's to tell nor the gateway's to find; undefined where it is. */
const lack = (asked: Listening, { abilities, language }: Traits): TranscriptionError | undefined => {
  if (asked.translate === true && !abilities.translates) {
    return unsupported(
      "model",
      "the speech-to-text engine here writes down what it hears and cannot translate it. Send the recording to /v1/audio/transcriptions.",
    )
  }
  if (asked.speakers === true && !abilities.speakers) {
    return unsupported(
      "response_format",
      "the speech-to-text engine here does not tell speakers apart, so there is no diarized_json. Ask for verbose_json.",
    )
  }
  const spoken = languageName(language(asked.language))
  if (asked.words === true && !abilities.words && spoken !== "english") {
    return unsupported(
      "timestamp_granularities",
      `the speech-to-text engine here tells no times of words, and the gateway finds those of English only, not of ${spoken}. Leave out "word".`,
    )
  }
  return undefined
}

/** Fails where none of the engines has what is asked for. */
export const checkSupported = (
  asked: Listening,
  engines: ReadonlyArray<Traits>,
): Effect.Effect<void, TranscriptionError> => {
  const lacks = engines.map((engine) => lack(asked, engine))
  const [first] = lacks
  return first === undefined || lacks.includes(undefined) ? Effect.void : Effect.fail(first)
}

/** Those of several engines that have what is asked for; undefined where all have it, or none. */
export const ableTo = (asked: Listening, members: ReadonlyArray<Member<"parakeet">>) => {
  const able = members.filter(({ client }) => lack(asked, client) === undefined)
  return able.length === 0 || able.length === members.length ? undefined : new Set(able.map(({ id }) => id))
}

/** What can be expected whichever engine answers. Of a server it is known once it has answered, so it is asked for each time. */
export const commonAbilities = ({ of }: Pick<Engines, "of">): Abilities => {
  const all = of("parakeet").map(({ client }) => client.abilities)
  const have = (ability: keyof Abilities) => all.every((one) => one[ability])
  return {
    streams: have("streams"),
    times: have("times"),
    words: have("words"),
    speakers: have("speakers"),
    translates: have("translates"),
  }
}
