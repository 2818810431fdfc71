import { Context, Effect, Layer, type Scope, type Stream } from "effect"
import type { AudioFormat } from "../audio/AudioFormat.ts"
import { Flights, type Found, type Listening } from "../cache/Flights.ts"
import { Settings } from "../Settings.ts"
import { MagpieClient } from "../upstream/MagpieClient.ts"
import { keyOf, plan } from "./Plan.ts"
import type { SpeechFailure } from "./SpeechError.ts"
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
  readonly audio: Stream.Stream<Uint8Array, SpeechFailure>
}

/** The speech program: text to audio. The scope is the client's: closing it leaves the flight. */
export class Speech extends Context.Service<
  Speech,
  { readonly speak: (request: SpeechRequest) => Effect.Effect<Spoken, SpeechFailure, Scope.Scope> }
>()("aviary/speech/Speech") {
  static readonly layer = Layer.effect(
    Speech,
    Effect.gen(function* () {
      const magpie = yield* MagpieClient
      const flights = yield* Flights
      const { voices } = yield* VoiceList
      const { maxTextCharacters: maxCharacters, paces } = yield* Settings

      const speak = Effect.fn("Speech.speak")(function* (request: SpeechRequest) {
        const planned = yield* plan(request, { magpie, voices, maxCharacters })
        const take = synthesize(planned, magpie, paces)
        const joined = yield* flights.join({
          key: keyOf(planned),
          mode: request.cacheControl,
          produce: take.bytes,
          describe: () =>
            Effect.sync(() => ({
              contentType: take.contentType,
              durationMs: take.durationMs(),
              characters: planned.characters,
              voice: planned.voice,
            })),
        })
        return { key: keyOf(planned), contentType: take.contentType, ...served(joined) } satisfies Spoken
      })
      return Speech.of({ speak })
    }),
  ).pipe(Layer.provide(VoiceList.layer))
}

const served = (joined: Found | Listening<SpeechFailure>) =>
  joined._tag === "Found"
    ? { cache: "HIT" as const, contentLength: joined.entry.metadata.length, audio: joined.entry.bytes() }
    : { cache: joined.role, contentLength: undefined, audio: joined.bytes }
