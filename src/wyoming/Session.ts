import { Cause, Effect, Exit, Option, Queue, Stream } from "effect"
import { Errors } from "../contract/Errors.ts"
import { Fleet } from "../health/Fleet.ts"
import { makeRoomErrors } from "../http/ErrorAnswers.ts"
import { Settings } from "../Settings.ts"
import { VoiceList } from "../speech/VoiceList.ts"
import { elapsedMillis } from "../telemetry/Elapsed.ts"
import {
  type Fault,
  type Handlers,
  type Job,
  makeHearingHandlers,
  makeSpeakingHandlers,
  mostWaiting,
} from "./Conversation.ts"
import { FrameError, makeFrameReader } from "./Frames.ts"
import { infoOf, type ListedVoice } from "./Info.ts"
import type { Send } from "./Listening.ts"

/**
 * What a session and its connection know of each other.
 *
 * @property busy set while something that was asked for is being done
 * @property left whether the client has gone
 */
export interface Connection {
  busy: boolean
  readonly left: () => boolean
}

/** Home Assistant gives up after a second, and asks three times. */
const infoPatience = "700 millis"

/** Until voices are listed: Home Assistant keeps what it was told when it was set up, and without a voice it would not speak for good. */
const unlisted: ReadonlyArray<ListedVoice> = [{ id: "alloy", language: "en-US", speaker: "Default" }]

/** Does what the events in `input` ask for. What this gateway does not know, such as wake words, is not for it. */
const reading = (input: Stream.Stream<Uint8Array, unknown>, handlers: Handlers): Effect.Effect<void, Fault> => {
  const read = makeFrameReader()
  return input.pipe(
    // The connection broke; its end is the session's anyway.
    Stream.catch(() => Stream.empty),
    Stream.mapEffect((bytes) =>
      Effect.try({
        try: () => read(bytes),
        catch: (error) => Errors.invalidValue("event", error instanceof FrameError ? error.message : String(error)),
      }),
    ),
    Stream.runForEach((events) =>
      Effect.forEach(
        events,
        // A client names the type: "constructor" is none that is known.
        (event) => (Object.hasOwn(handlers, event.type) ? handlers[event.type]!(event) : Effect.void),
        { discard: true },
      ),
    ),
  )
}

/**
 * Talks with clients of the Wyoming protocol: one conversation for each connection, in which what is asked for is done in order while
 * more is read. Whoever goes ends what is under way. What goes wrong is an `error` event, and the end.
 */
export const makeSessions = Effect.gen(function* () {
  const voices = yield* VoiceList
  const parakeet = (yield* Fleet).traits("parakeet")
  const hearing = yield* makeHearingHandlers
  const speaking = yield* makeSpeakingHandlers
  const settings = yield* Settings
  const told = makeRoomErrors(settings)

  const languages = () => (settings.wyomingLanguages.length > 0 ? settings.wyomingLanguages : [parakeet.language()])
  const info = voices.known.pipe(
    Effect.map(({ bases }): ReadonlyArray<ListedVoice> => bases),
    Effect.orElseSucceed(() => unlisted),
    Effect.timeoutOrElse({ duration: infoPatience, orElse: () => Effect.succeed(unlisted) }),
    Effect.map((heard) => infoOf({ recognizer: parakeet.model, languages: languages(), voices: heard })),
  )

  return Effect.fnUntraced(function* (input: Stream.Stream<Uint8Array, unknown>, send: Send, connection: Connection) {
    const jobs = yield* Queue.bounded<Job>(mostWaiting)
    const talk = {
      ...{ jobs, send, session: yield* Effect.scope },
      isLeaving: (cause: Cause.Cause<unknown>) => connection.left() && Cause.hasInterruptsOnly(cause),
    }
    const handlers: Handlers = {
      describe: () => Effect.flatMap(info, (data) => send("info", data)),
      ping: ({ data }) => send("pong", typeof data["text"] === "string" ? { text: data["text"] } : {}),
      ...hearing(talk),
      ...speaking(talk),
    }
    const working = Queue.take(jobs).pipe(
      Effect.tap(() => Effect.sync(() => void (connection.busy = true))),
      Effect.flatMap((job) =>
        Effect.ensuring(
          logged(job),
          Effect.sync(() => void (connection.busy = false)),
        ),
      ),
      Effect.forever,
    )
    yield* Effect.raceFirst(reading(input, handlers), working).pipe(
      Effect.catch((fault) => send("error", messageOf(fault, told))),
    )
  })
})

const messageOf = (fault: Fault, told: ReturnType<typeof makeRoomErrors>) => {
  const { code, message } = fault._tag === "ApiError" ? fault : told(fault)
  return { text: message, code }
}

/** A line of the log for each thing asked for. */
const logged = ({ what, work }: Job) =>
  Effect.gen(function* () {
    const startedAt = yield* elapsedMillis
    return yield* Effect.onExit(work, (exit) =>
      Effect.flatMap(elapsedMillis, (now) => {
        const why = Exit.isSuccess(exit) ? Option.none() : Cause.findErrorOption(exit.cause)
        return Effect.logInfo("Wyoming", {
          ...{ what, ms: Math.round(now - startedAt) },
          ended: Exit.isSuccess(exit) ? "whole" : Option.isSome(why) ? "failed" : "left",
          ...(Option.isSome(why) ? { why: why.value.message } : {}),
        })
      }),
    )
  })
