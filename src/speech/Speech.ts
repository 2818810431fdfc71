import { type Cause, Context, Effect, Layer, Option, type Scope, Stream } from "effect"
import { contentTypeOf } from "../audio/format/AudioFormat.ts"
import { Billing } from "../billing/Billing.ts"
import type { BillingError } from "../billing/BillingError.ts"
import { Payer } from "../billing/Payer.ts"
import { settledBeforeLast } from "../billing/SettledBeforeLast.ts"
import type { Served } from "../billing/Usage.ts"
import { AtomicCache } from "../cache/AtomicCache.ts"
import type { Entry } from "../cache/Entry.ts"
import { Flights } from "../cache/Flights.ts"
import { OwnedKeys } from "../cache/OwnedKeys.ts"
import { EngineGuard } from "../health/EngineGuard.ts"
import { Settings } from "../Settings.ts"
import { MagpieClient } from "../upstream/MagpieClient.ts"
import type { Utterance } from "../upstream/Utterance.ts"
import { keyOf, plan } from "./Plan.ts"
import type { SpeechFailure } from "./SpeechError.ts"
import type { SpeechRequest } from "./SpeechRequest.ts"
import { synthesize } from "./Synthesis.ts"
import { VoiceList } from "./VoiceList.ts"

/**
 * A speech whose first bytes are there.
 *
 * @property cache how the cache served it
 * @property key names the entry: `GET /v1/audio/speech/{key}` once it is committed
 * @property contentLength bytes, when the whole is already there
 * @property sha256 of the whole audio, hexadecimal, when it is already there
 * @property audio ends only when the whole audio was delivered, committed and settled; anything else is a failure
 */
export interface Spoken {
  readonly key: string
  readonly cache: Served
  readonly contentType: string
  readonly contentLength: number | undefined
  readonly sha256?: string | undefined
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
      const guard = yield* EngineGuard
      const cache = yield* AtomicCache
      const flights = yield* Flights
      const keys = yield* OwnedKeys
      const billing = yield* Billing
      const voices = yield* VoiceList
      const { maxTextCharacters: maxCharacters, paces } = yield* Settings
      const synthesizer = {
        ...magpie,
        synthesize: (utterance: Utterance, begun: boolean) =>
          guard.stream("magpie", magpie.synthesize(utterance), { begun }),
      }

      const speak = Effect.fn("Speech.speak")(function* (request: SpeechRequest) {
        const planned = yield* plan(request, { magpie, voices, maxCharacters })
        const key = keys.of((yield* Payer).accountId, keyOf(planned))
        const contentType = contentTypeOf(planned.format)
        const usage = { kind: "speech", model: magpie.model, characters: planned.characters } as const
        const hit = (entry: Entry, settle: Effect.Effect<unknown, BillingError>): Spoken => {
          const { length, sha256 } = entry.metadata
          const audio = settledBeforeLast(entry.bytes(), length, settle)
          return { key, contentType, cache: "HIT", contentLength: length, sha256, audio }
        }

        if (request.cacheControl === "use") {
          const found = yield* cache.get(key)
          if (Option.isSome(found)) {
            yield* billing.afford(usage, "HIT")
            // By whom is said here: the fiber that sends the body knows no payer.
            const paid = Effect.provideService(billing.charge(usage, { served: "HIT" }), Payer, yield* Payer)
            return hit(found.value, paid)
          }
        }

        const take = synthesize(planned, synthesizer, paces)
        const hold = yield* billing.reserve(usage)
        const release = (cause: Cause.Cause<unknown>) => billing.release(hold, cause)
        const join = flights.join({
          key,
          // A repetition costs nothing, so it has no claim to a fresh synthesis. What was not to be stored is made again.
          mode: hold.replayed && request.cacheControl === "refresh" ? "use" : request.cacheControl,
          produce: take.bytes,
          head: ({ length }) => take.head(length),
          describe: () =>
            Effect.sync(() => ({
              contentType,
              durationMs: take.durationMs(),
              characters: planned.characters,
              voice: planned.voice,
            })),
        })
        const joined = yield* Effect.onError(join, release)
        if (joined._tag === "Found") {
          const found = hit(joined.entry, billing.settle(hold, { served: "HIT" }))
          return { ...found, audio: Stream.onError(found.audio, release) }
        }
        const { role, bytes } = joined
        const paid = Stream.concat(bytes, Stream.fromEffectDrain(billing.settle(hold, { served: role })))
        const audio = Stream.onError(paid, release)
        return { key, contentType, cache: role, contentLength: undefined, audio } satisfies Spoken
      })
      return Speech.of({ speak })
    }),
  ).pipe(Layer.provide(VoiceList.layer))
}
