import { type Cause, Effect, Exit, Queue, Redacted, Scope } from "effect"
import { anonymous } from "../billing/Account.ts"
import { Access, type Caller } from "../billing/Access.ts"
import { Payer } from "../billing/Payer.ts"
import type { ApiError } from "../contract/ApiError.ts"
import { Errors } from "../contract/Errors.ts"
import type { RoomError } from "../http/ErrorAnswers.ts"
import { LiveSettings } from "../LiveSettings.ts"
import { Settings } from "../Settings.ts"
import { codePoints } from "../speech/SpokenText.ts"
import type { WyomingEvent } from "./Frames.ts"
import { type Arriving, makeListening, type Send } from "./Listening.ts"
import { languageIn, textIn, voiceIn } from "./Said.ts"
import { makeSpeaking, type WantedVoice } from "./Speaking.ts"
import { makeSpokenPieces } from "./SpokenPieces.ts"

/** Why a session ends. */
export type Fault = RoomError | ApiError

/** Something to say or to hear, called by what asked for it. */
export interface Job {
  readonly what: "synthesize" | "transcribe"
  readonly work: Effect.Effect<void, Fault>
}

/**
 * One client's side of it.
 *
 * @property session closes when the client goes
 * @property jobs what is asked for, done in order
 * @property isLeaving whether an interruption is the client's leaving
 */
export interface Talk {
  readonly session: Scope.Scope
  readonly jobs: Queue.Queue<Job>
  readonly send: Send
  readonly isLeaving: (cause: Cause.Cause<unknown>) => boolean
}

/** What is done at an event of a type. */
export type Handlers = Readonly<Record<string, (event: WyomingEvent) => Effect.Effect<unknown, Fault>>>

/** Things that a client may have asked for and not got yet: then it is read from no more. */
export const mostWaiting = 16

/** Runs work on the account of the Wyoming key, which is looked up each time: it may have been revoked. */
const makePaying = Effect.gen(function* () {
  const access = yield* Access
  const { wyomingKey = Redacted.make("") } = yield* Settings
  return <A, E, R>(characters: number, work: (caller: Caller) => Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const caller = yield* access.authenticate(wyomingKey)
      yield* access.admit(caller, characters)
      const { accountId, keyId, priority } = caller
      return yield* Effect.provideService(work(caller), Payer, { accountId, keyId, priority, idempotency: null })
    })
})

/** `transcribe`, `audio-start`, `audio-chunk`, `audio-stop`. */
export const makeHearingHandlers = Effect.gen(function* () {
  const paying = yield* makePaying
  const listening = yield* makeListening

  return ({ jobs, send, session }: Talk): Handlers => {
    let language: string | undefined
    let arriving: { readonly recording: Arriving; readonly scope: Scope.Closeable } | undefined

    const begin = Effect.fnUntraced(function* (event: WyomingEvent) {
      // One that began before and was never stopped will not be heard.
      if (arriving !== undefined) yield* Scope.close(arriving.scope, Exit.void)
      arriving = undefined
      const scope = yield* Scope.fork(session)
      const recording = yield* paying(0, ({ accountId }) =>
        listening.arrive(accountId === anonymous ? undefined : accountId, event),
      ).pipe(Scope.provide(scope))
      arriving = { recording, scope }
      return recording
    })

    return {
      transcribe: Effect.fnUntraced(function* (event) {
        language = yield* languageIn(event)
      }),
      "audio-start": begin,
      "audio-chunk": Effect.fnUntraced(function* (event) {
        const recording = arriving?.recording ?? (yield* begin(event))
        yield* recording.append(event)
      }),
      "audio-stop": Effect.fnUntraced(function* () {
        if (arriving === undefined) return
        const { recording, scope } = arriving
        const asked = language
        arriving = undefined
        const hear = Effect.flatMap(recording.finish, (path) => paying(0, () => listening.hear(path, asked, send)))
        yield* Queue.offer(jobs, { what: "transcribe", work: Effect.ensuring(hear, Scope.close(scope, Exit.void)) })
      }),
    }
  }
})

/** `synthesize`, and `synthesize-start`, `-chunk` and `-stop` for a text that is still arriving. */
export const makeSpeakingHandlers = Effect.gen(function* () {
  const live = yield* LiveSettings
  const paying = yield* makePaying
  const speak = yield* makeSpeaking
  const longestStream = () => mostWaiting * live.now().maxTextCharacters

  return ({ isLeaving, jobs, send }: Talk): Handlers => {
    let streaming: { readonly voice: WantedVoice; readonly pieces: ReturnType<typeof makeSpokenPieces> } | undefined
    let streamed = 0

    const say = (text: string, voice: WantedVoice) =>
      Queue.offer(jobs, {
        what: "synthesize",
        work: paying(codePoints(text), () => speak(text, voice, send, isLeaving)),
      })
    const sayAll = (pieces: ReadonlyArray<string>, voice: WantedVoice) =>
      Effect.forEach(pieces, (piece) => say(piece, voice), { discard: true })

    return {
      // Behind a stream of text it is that text once more, for those that know no streams.
      synthesize: Effect.fnUntraced(function* (event) {
        if (streaming !== undefined) return
        yield* say((yield* textIn(event, "text")) ?? "", yield* voiceIn(event))
      }),
      "synthesize-start": Effect.fnUntraced(function* (event) {
        streaming = { voice: yield* voiceIn(event), pieces: makeSpokenPieces(live.now().maxTextCharacters) }
        streamed = 0
      }),
      "synthesize-chunk": Effect.fnUntraced(function* (event) {
        if (streaming === undefined) return
        const text = (yield* textIn(event, "text")) ?? ""
        streamed += codePoints(text)
        if (streamed > longestStream()) return yield* Errors.textTooLong(streamed, longestStream())
        yield* sayAll(streaming.pieces.add(text), streaming.voice)
      }),
      "synthesize-stop": Effect.fnUntraced(function* () {
        if (streaming === undefined) return
        const { pieces, voice } = streaming
        streaming = undefined
        yield* sayAll(pieces.rest(), voice)
        yield* Queue.offer(jobs, { what: "synthesize", work: send("synthesize-stopped") })
      }),
    }
  }
})
