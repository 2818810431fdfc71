import { Context, Effect, Layer, Option, Pull, Scope, Stream } from "effect"
import type { AudioFormat } from "../audio/AudioFormat.ts"
import { Settings } from "../Settings.ts"
import { MagpieClient } from "../upstream/MagpieClient.ts"
import { plan } from "./Plan.ts"
import type { SpeechError } from "./SpeechError.ts"
import { synthesize } from "./Synthesis.ts"
import { VoiceList } from "./VoiceList.ts"

/** What a client asks to hear, decoded but not yet normalised. */
export interface SpeechRequest {
  readonly text: string
  readonly model: string
  /** A voice id of the engine, or an alias such as `alloy`. */
  readonly voice: string
  readonly format: AudioFormat
  /** 0.25–4; 1 is the voice's own pace. */
  readonly speed: number
  /** BCP 47; absent: the voice's own. */
  readonly language?: string | undefined
  /** Hz of wav and pcm; absent: 24,000. */
  readonly sampleRate?: number | undefined
  /** `use` the cache, `refresh` the entry (no-cache), or `bypass` it altogether (no-store). */
  readonly cacheControl: "use" | "refresh" | "bypass"
}

/** How the cache served a request; the words of the `x-cache` header, logs and metrics. */
export type CacheStatus = "HIT" | "MISS" | "COALESCED" | "BYPASS"

/**
 * A speech whose first bytes are there.
 *
 * @property key names the entry: `GET /v1/audio/speech/{key}` once it is committed
 * @property contentLength bytes, when the whole is already there
 * @property audio ends only when the whole audio was delivered, committed and settled; anything else is a failure
 */
export interface Spoken {
  readonly key: string
  readonly cache: CacheStatus
  readonly contentType: string
  readonly contentLength: number | undefined
  readonly audio: Stream.Stream<Uint8Array, SpeechError>
}

/** The speech program: text to audio. The scope is the client's: closing it leaves the flight. */
export class Speech extends Context.Service<
  Speech,
  { readonly speak: (request: SpeechRequest) => Effect.Effect<Spoken, SpeechError, Scope.Scope> }
>()("aviary/speech/Speech") {
  static readonly layer = Layer.effect(
    Speech,
    Effect.gen(function* () {
      const magpie = yield* MagpieClient
      const { voices } = yield* VoiceList
      const { maxTextCharacters } = yield* Settings

      const speak = Effect.fn("Speech.speak")(function* (request: SpeechRequest) {
        const planned = yield* plan(request, { magpie, voices, maxCharacters: maxTextCharacters })
        const take = synthesize(planned, magpie)
        const audio = yield* begun(take.bytes)
        return { key: "", cache: "BYPASS" as const, contentType: take.contentType, contentLength: undefined, audio }
      })
      return Speech.of({ speak })
    }),
  ).pipe(Layer.provide(VoiceList.layer))
}

/** The same stream, once its first element is there. */
const begun = <A, E>(stream: Stream.Stream<A, E>): Effect.Effect<Stream.Stream<A, E>, E, Scope.Scope> =>
  Effect.gen(function* () {
    const pull = yield* Stream.toPull(stream)
    const first = yield* pull.pipe(Effect.map(Option.some), Pull.catchDone(() => Effect.succeedNone))
    return Option.match(first, {
      onNone: () => Stream.empty,
      onSome: (chunk) => Stream.concat(Stream.fromIterable(chunk), Stream.fromPull(Effect.succeed(pull))),
    })
  })
