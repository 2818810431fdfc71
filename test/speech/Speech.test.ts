import { assert, describe, it, vi } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { anonymous } from "../../src/billing/Account.ts"
import { paid } from "../../src/billing/Payable.ts"
import { Payer } from "../../src/billing/Payer.ts"
import type { Priority, Urgency } from "../../src/billing/Priority.ts"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { Flights } from "../../src/cache/Flights.ts"
import { OwnedKeys } from "../../src/cache/OwnedKeys.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { Settings } from "../../src/Settings.ts"
import { Speech } from "../../src/speech/Speech.ts"
import type { SpeechRequest } from "../../src/speech/SpeechRequest.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { billingRoom, down, openWorld } from "../support/billing.ts"
import { Fleet } from "../../src/health/Fleet.ts"

const speechOver = (cache: Layer.Layer<AtomicCache>, magpie = MagpieClient.layerTest()) =>
  Speech.layer.pipe(
    Layer.provide(Flights.layer),
    Layer.provide([cache, OwnedKeys.layerShared, EngineGuard.layerOpen]),
    Layer.provide(Fleet.layerMagpie),
    Layer.provide(magpie),
    Layer.provideMerge(billingRoom),
    Layer.provide(Settings.layerTest()),
  )
const speech = speechOver(AtomicCache.layerMemory)

/** Forty code points: a hit costs 20 micro-units, the first synthesis 40. */
const request: SpeechRequest = {
  text: "The birds are singing in the old garden.",
  model: "tts-1",
  voice: "alloy",
  format: "pcm",
  speed: 1,
  cacheControl: "use",
}

/** A speech that is in the cache, and whose account has `balance` left. */
const cached = Effect.fnUntraced(function* (balance: number) {
  const world = yield* openWorld()
  const { speak } = yield* Speech
  yield* Effect.scoped(
    Effect.flatMap(speak(request), (spoken) => Stream.runDrain(paid(spoken))), // on the anonymous account
  )
  if (balance !== 1_000) yield* world.accounts.adjust({ accountId: world.id, amount: balance - 1_000, reason: "test" })
  const hear = world.pays(speak(request))
  const charges = Effect.map(world.books, ({ entries }) => entries.filter((entry) => !entry.startsWith("adjustment")))
  return { ...world, hear, charges }
})

it.effect(
  "an emotion is spoken where the engine lists it, by the voice's name or by instructions, and otherwise ignored",
  () => {
    const asked: Array<string> = []
    const { synthesize } = Context.get(
      Effect.runSync(Effect.scoped(Layer.build(MagpieClient.layerTest()))),
      MagpieClient,
    )
    const magpie = MagpieClient.layerTest({
      voices: Effect.succeed(["Test.EN-US.Mia", "Test.EN-US.Mia.Angry"]),
      synthesize: (utterance) => {
        asked.push(utterance.voice)
        return synthesize(utterance)
      },
    })
    return Effect.gen(function* () {
      const { speak } = yield* Speech
      for (const wish of [
        { voice: "Mia.Angry" },
        { voice: "mia", instructions: "Speak in an angry tone." },
        { voice: "mia", instructions: "Speak like a happy child." },
        { voice: "Mia.Happy" },
        { voice: "Mia" },
      ]) {
        const wanted = { ...request, ...wish, cacheControl: "bypass" } as const
        yield* Effect.scoped(Effect.flatMap(speak(wanted), ({ bytes }) => Stream.runDrain(bytes)))
      }
      assert.deepStrictEqual(asked, [
        "Test.EN-US.Mia.Angry",
        "Test.EN-US.Mia.Angry",
        "Test.EN-US.Mia",
        "Test.EN-US.Mia",
        "Test.EN-US.Mia",
      ])
    }).pipe(Effect.provide(speechOver(AtomicCache.layerMemory, magpie)))
  },
)

describe("a hit", () => {
  it.effect("is charged before its first byte, and nothing more when it is handed over", () =>
    Effect.gen(function* () {
      const { books, hear, charges } = yield* cached(1_000)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const spoken = yield* hear
          assert.strictEqual(spoken.cache, "HIT")
          assert.deepInclude(yield* books, { balance: 980, held: 0 })
          let length = 0
          yield* Stream.runForEach(paid(spoken), (chunk) =>
            Effect.gen(function* () {
              length += chunk.length
              assert.strictEqual((yield* books).balance, 980)
            }),
          )
          assert.strictEqual(length, spoken.length)
        }),
      )
      assert.deepStrictEqual(yield* charges, ["charge -20"])
    }).pipe(Effect.provide(speech)),
  )

  it.effect("is charged to the account that asked, whichever fiber sends the body", () =>
    Effect.gen(function* () {
      const { charges, hear } = yield* cached(1_000)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const spoken = yield* hear
          const nobody = { accountId: "somebody else", keyId: null, idempotency: null }
          yield* Fiber.join(
            yield* Effect.forkChild(Effect.provideService(Stream.runDrain(paid(spoken)), Payer, nobody)),
          )
        }),
      )
      assert.deepStrictEqual(yield* charges, ["charge -20"])
    }).pipe(Effect.provide(speech)),
  )

  it.effect(
    "is refused before its first byte where the account cannot pay for it, and not where it can pay just that",
    () =>
      Effect.gen(function* () {
        const { accounts, charges, hear, id } = yield* cached(19)
        const refused = yield* Effect.flip(Effect.scoped(hear))
        assert.deepInclude(refused, { _tag: "BillingError" })
        assert.deepInclude((refused as { reason: unknown }).reason, {
          _tag: "InsufficientQuota",
          available: 19,
          needed: 20,
        })
        assert.deepStrictEqual(yield* charges, [])
        yield* accounts.adjust({ accountId: id, amount: 1, reason: "test" })
        yield* Effect.scoped(Effect.flatMap(hear, (spoken) => Stream.runDrain(paid(spoken))))
        assert.deepStrictEqual(yield* charges, ["charge -20"])
      }).pipe(Effect.provide(speech)),
  )

  it.effect("is not begun where the charge fails", () =>
    Effect.gen(function* () {
      const { charges, faults, hear } = yield* cached(1_000)
      faults.set("charge", down())
      const failure = yield* Effect.flip(Effect.scoped(hear))
      assert.strictEqual(failure._tag, "BillingError")
      assert.deepStrictEqual(yield* charges, [])
    }).pipe(Effect.provide(speech)),
  )

  it.effect("repeated with its idempotency key is heard again and charged once", () =>
    Effect.gen(function* () {
      const world = yield* cached(1_000)
      const { speak } = yield* Speech
      const hear = Effect.scoped(Effect.flatMap(speak(request), (spoken) => Stream.runDrain(paid(spoken))))
      yield* world.pays(hear, "k")
      yield* world.pays(hear, "k")
      assert.deepStrictEqual(yield* world.charges, ["charge -20"])
      const other = yield* Effect.flip(world.pays(Effect.scoped(speak(request)), "k", "another body"))
      assert.deepInclude((other as { reason: unknown }).reason, { _tag: "IdempotencyConflict" })
    }).pipe(Effect.provide(speech)),
  )
})

describe("a hit and the engine", () => {
  const asked = { times: 0 }
  const voices = Effect.suspend(() => (asked.times++ === 0 ? Effect.succeed(["Test.EN-US.Tone"]) : Effect.never))
  const hanging = speechOver(AtomicCache.layerMemory, MagpieClient.layerTest({ voices }))
  const hear = Effect.scoped(
    Effect.flatMap(
      Effect.flatMap(Speech, ({ speak }) => speak(request)),
      (spoken) => Effect.as(Stream.runDrain(paid(spoken)), spoken.cache),
    ),
  )

  it.effect("is served at once while the engine hangs, however old its list of voices is", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* hear, "MISS")
      yield* TestClock.adjust("1 hour")
      // Under the test clock it would wait for ever.
      assert.strictEqual(yield* hear, "HIT")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* hear, "HIT")
      assert.strictEqual(asked.times, 2)
    }).pipe(Effect.provide(hanging)),
  )

  it.effect("does none of the work of a synthesis", () =>
    Effect.gen(function* () {
      const segment = vi.spyOn(Intl.Segmenter.prototype, "segment")
      const long = { ...request, text: "The birds are singing. ".repeat(150) }
      const { speak } = yield* Speech
      const once = Effect.scoped(Effect.flatMap(speak(long), (spoken) => Stream.runDrain(paid(spoken))))
      yield* once
      assert.isAbove(segment.mock.calls.length, 0)
      segment.mockClear()
      yield* once
      assert.strictEqual(segment.mock.calls.length, 0)
      segment.mockRestore()
    }).pipe(Effect.provide(speech)),
  )
})

describe("a hit that was none yet when it was first looked for", () => {
  const looks = { missed: 0 }
  const late = Layer.effect(
    AtomicCache,
    Effect.map(AtomicCache, (cache) =>
      AtomicCache.of({
        ...cache,
        get: (key) => Effect.suspend(() => (looks.missed-- > 0 ? Effect.succeedNone : cache.get(key))),
      }),
    ),
  ).pipe(Layer.provide(AtomicCache.layerMemory))

  const heard = Effect.fnUntraced(function* () {
    looks.missed = 0
    const world = yield* cached(1_000)
    looks.missed = 1
    return world
  })

  it.effect("costs what a hit costs", () =>
    Effect.gen(function* () {
      const { charges, hear } = yield* heard()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const spoken = yield* hear
          assert.strictEqual(spoken.cache, "HIT")
          yield* Stream.runDrain(paid(spoken))
        }),
      )
      assert.deepStrictEqual(yield* charges, ["charge -20"])
    }).pipe(Effect.provide(speechOver(late))),
  )

  it.effect("has released its money when the failure is reported", () =>
    Effect.gen(function* () {
      const { books, faults, hear } = yield* heard()
      faults.set("settle", down())
      yield* Effect.scoped(
        Effect.gen(function* () {
          const spoken = yield* hear
          assert.strictEqual((yield* books).held, 40)
          yield* Effect.flip(Stream.runDrain(paid(spoken)))
          assert.strictEqual((yield* books).held, 0)
        }),
      )
    }).pipe(Effect.provide(speechOver(late))),
  )
})

it.effect("every engine call of a speech but the first is the rest of a begun answer, which goes first", () =>
  Effect.gen(function* () {
    const begun: Array<boolean | undefined> = []
    const guard = Layer.effect(
      EngineGuard,
      Effect.map(EngineGuard, (open) => ({
        ...open,
        stream: (kind, stream, options) => (begun.push(options?.begun), open.stream(kind, stream, options)),
      })),
    ).pipe(Layer.provide(EngineGuard.layerOpen))
    const program = Speech.layer.pipe(
      Layer.provide(Flights.layer),
      Layer.provide([AtomicCache.layerMemory, OwnedKeys.layerShared, guard]),
      Layer.provide(Fleet.layerMagpie),
      Layer.provide(MagpieClient.layerTest({ maxCharacters: 30 })),
      Layer.provideMerge(billingRoom),
      Layer.provide(Settings.layerTest()),
    )
    yield* Effect.gen(function* () {
      const { speak } = yield* Speech
      const text = "The first of three. And this is the second. Here the third one ends."
      yield* Stream.runDrain(paid(yield* speak({ ...request, text })))
    }).pipe(Effect.scoped, Effect.provide(program))
    assert.deepStrictEqual(begun, [false, true, true])
  }),
)

it.effect("a speech that nobody was in a hurry for is hurried by whoever joins it and is", () =>
  Effect.gen(function* () {
    const asked: Array<Urgency> = []
    const [called, raised, mayBegin] = [
      yield* Deferred.make<void>(),
      yield* Deferred.make<void>(),
      yield* Deferred.make<void>(),
    ]
    const guard = Layer.effect(
      EngineGuard,
      Effect.map(EngineGuard, (open) => ({
        ...open,
        stream: (kind, stream, options) => {
          if (options?.urgency !== undefined) {
            asked.push(options.urgency)
            options.urgency.onRise(() => Deferred.doneUnsafe(raised, Effect.void))
          }
          Deferred.doneUnsafe(called, Effect.void)
          return Stream.concat(Stream.fromEffectDrain(Deferred.await(mayBegin)), open.stream(kind, stream, options))
        },
      })),
    ).pipe(Layer.provide(EngineGuard.layerOpen))
    const program = Speech.layer.pipe(
      Layer.provide(Flights.layer),
      Layer.provide([AtomicCache.layerMemory, OwnedKeys.layerShared, guard]),
      Layer.provide(Fleet.layerMagpie),
      Layer.provide(MagpieClient.layerTest()),
      Layer.provideMerge(billingRoom),
      Layer.provide(Settings.layerTest()),
    )
    yield* Effect.gen(function* () {
      const { speak } = yield* Speech
      const hear = (priority: Priority) =>
        Effect.scoped(Effect.flatMap(speak(request), (spoken) => Stream.runDrain(paid(spoken)))).pipe(
          Effect.provideService(Payer, { accountId: anonymous, keyId: null, idempotency: null, priority }),
          Effect.forkChild,
        )
      const fibers = [yield* hear("bulk")]
      yield* Deferred.await(called)
      assert.strictEqual(asked[0]!.now(), "bulk")
      fibers.push(yield* hear("live"))
      yield* Deferred.await(raised)
      fibers.push(yield* hear("normal"))
      yield* Deferred.succeed(mayBegin, undefined)
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(
        asked.map((urgency) => urgency.now()),
        ["live"],
      )
    }).pipe(Effect.provide(program))
  }),
)

it.effect.each([
  ["has not", false],
  ["has", true],
] as const)("what %s begun to sound beside a hold that is refused is over before anybody is told", ([, sounds]) => {
  const { synthesize } = Context.get(Effect.runSync(Effect.scoped(Layer.build(MagpieClient.layerTest()))), MagpieClient)
  let working = 0
  const magpie = MagpieClient.layerTest({
    synthesize: (utterance) =>
      utterance.text === request.text
        ? Stream.unwrap(
            Effect.as(
              Effect.acquireRelease(
                Effect.sync(() => (working += 1)),
                () => Effect.sync(() => (working -= 1)),
              ),
              sounds ? Stream.concat(synthesize(utterance), Stream.never) : Stream.never,
            ),
          )
        : synthesize(utterance),
  })
  return Effect.gen(function* () {
    const { faults, pays } = yield* openWorld({ kind: "metered", monthlyCap: null })
    const { speak } = yield* Speech
    const first = { ...request, text: "The first of them." }
    yield* pays(Effect.scoped(Effect.flatMap(speak(first), (spoken) => Stream.runDrain(paid(spoken)))))
    const refused = yield* Deferred.make<void>()
    faults.set("reserve", (run) => Effect.andThen(Deferred.await(refused), down()(run)))
    yield* Effect.scoped(
      Effect.gen(function* () {
        let turns = 0
        const refusing = Effect.repeat(Effect.yieldNow, { until: () => working > 0 && ++turns > 1_000 })
        yield* Effect.forkScoped(Effect.andThen(refusing, Deferred.succeed(refused, undefined)))
        assert.strictEqual((yield* pays(Effect.flip(speak(request))))._tag, "BillingError")
        // Its fiber and its scope go on.
        for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
        assert.strictEqual(working, 0)
      }),
    )
  }).pipe(Effect.provide(speechOver(AtomicCache.layerMemory, magpie)))
})
