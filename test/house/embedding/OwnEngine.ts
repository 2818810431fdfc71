import { Effect, Layer, Stream } from "effect"
import { Billing } from "@aviary-speech/gateway/billing/Billing"
import { paid } from "@aviary-speech/gateway/billing/Payable"
import { AtomicCache } from "@aviary-speech/gateway/cache/AtomicCache"
import { Flights } from "@aviary-speech/gateway/cache/Flights"
import { OwnedKeys } from "@aviary-speech/gateway/cache/OwnedKeys"
import { EngineGuard } from "@aviary-speech/gateway/health/EngineGuard"
import { Fleet } from "@aviary-speech/gateway/health/Fleet"
import { Settings } from "@aviary-speech/gateway/Settings"
import { Speech } from "@aviary-speech/gateway/speech/Speech"
import { MagpieClient } from "@aviary-speech/gateway/upstream/MagpieClient"

/** An engine of one's own: a beep of a tenth of a second for every character. */
const Beeper = Layer.succeed(MagpieClient, {
  model: "beeper-1",
  maxCharacters: 500,
  supportsSpeed: false,
  voices: Effect.succeed(["Beeper.EN-US.Bip"]),
  synthesize: ({ text }) =>
    Stream.fromIterable(text).pipe(
      Stream.map(() => ({ sampleRate: 8_000, samples: Int16Array.from({ length: 800 }, (_, i) => (i % 20) * 500) })),
    ),
  ready: Effect.void,
})

/** The speech program on it: no HTTP, no disk, nothing charged. */
const Speaking = Speech.layer.pipe(
  Layer.provide(Flights.layer),
  Layer.provide([AtomicCache.layerMemory, OwnedKeys.layerShared, Billing.layerFree]),
  Layer.provide(EngineGuard.layerOpen),
  Layer.provide(Fleet.layerMagpie),
  Layer.provide(Beeper),
  Layer.provide(Settings.layerTest()),
)

/** Says the same thing twice and tells how: the second time it is in the cache. */
export const sayTwice = Effect.gen(function* () {
  const { speak } = yield* Speech
  const say = Effect.scoped(
    Effect.gen(function* () {
      const spoken = yield* speak({
        text: "Good morning.",
        model: "tts-1",
        voice: "Bip",
        format: "pcm",
        speed: 1,
        cacheControl: "use",
      })
      const bytes = yield* Stream.runFold(
        paid(spoken),
        () => 0,
        (length, chunk) => length + chunk.length,
      )
      return { cache: spoken.cache, seconds: bytes / 48_000 }
    }),
  )
  return [yield* say, yield* say]
}).pipe(Effect.provide(Speaking))
