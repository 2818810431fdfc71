import { NodeServices } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AudioDecoder } from "../../src/audio/AudioDecoder.ts"
import { tooLong } from "../../src/audio/DecodeError.ts"
import { Accounts } from "../../src/billing/Accounts.ts"
import { Billing } from "../../src/billing/Billing.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import { Payer } from "../../src/billing/Payer.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { Scratch } from "../../src/scratch/Scratch.ts"
import { Settings } from "../../src/Settings.ts"
import { Transcription } from "../../src/transcription/Transcription.ts"
import { rates } from "../support/billing.ts"
import { oneOfEach } from "../support/fleet.ts"

/** Every upload is an hour of audio, of which no more is decoded than is asked for. */
const asked: Array<number> = []
const endless = Layer.succeed(AudioDecoder, {
  maxSeconds: () => 7_200,
  decode: (_path, maxSeconds = Effect.succeed(7_200)) =>
    Effect.flatMap(maxSeconds, (seconds) => (asked.push(seconds), Effect.fail(tooLong(seconds)))),
})
const worldWith = (settings: Parameters<typeof Settings.layerTest>[0]) =>
  Transcription.layer.pipe(
    Layer.provide([endless, EngineGuard.layerOpen]),
    Layer.provide(oneOfEach()),
    Layer.provideMerge(Layer.merge(Billing.layer, Accounts.layer)),
    Layer.provideMerge(Scratch.layer),
    Layer.provide(SqliteLedger.layerMemory),
    Layer.provide(Settings.layerTest(settings)),
    Layer.provide(NodeServices.layer),
  )
const world = worldWith({})

/** A second costs a micro-unit. */
it.live.each([
  ["50 micro-units are not decoded beyond 50 seconds", 50, null, [50], "InsufficientQuota"],
  ["a capped key beyond what the cap leaves", 50, 20, [20], "CapReached"],
  ["none not at all", 0, null, [], "InsufficientQuota"],
  ["enough beyond the longest recording there may be", 1_000_000, null, [7_200], "TooLong"],
] as const)("uploads of a payer with %s", ([, balance, monthlyCap, decoded, told]) =>
  Effect.gen(function* () {
    asked.length = 0
    const accounts = yield* Accounts
    yield* accounts.publishRates(rates)
    const { id } = yield* accounts.open({ name: "Test", terms: { kind: "prepaid", overdraft: 0 } })
    if (balance > 0) yield* accounts.deposit({ accountId: id, amount: balance })
    const { key } = yield* accounts.createKey({ accountId: id, name: "Test", limits: { monthlyCap } })
    const { transcribe } = yield* Transcription
    const error = yield* transcribe({ path: "anything", model: "whisper-1" }).pipe(
      Effect.provideService(Payer, { accountId: id, keyId: key.id, idempotency: null }),
      Effect.scoped,
      Effect.flip,
    )
    expect(error).toMatchObject({ reason: { _tag: told } })
    expect(asked).toEqual(decoded)
  }).pipe(Effect.provide(world)),
)

/** 3 MB are 93 seconds of recording. */
it.live("a recording is decoded no further than there is room for it, which is given back", () =>
  Effect.gen(function* () {
    asked.length = 0
    const { transcribe } = yield* Transcription
    const { space } = yield* Scratch
    const error = yield* Effect.flip(Effect.scoped(transcribe({ path: "anything", model: "whisper-1" })))
    expect(error).toMatchObject({ _tag: "ScratchError", reason: { whose: "all" } })
    expect(asked).toEqual([93])
    expect(space.left(undefined).bytes).toBe(3_000_000)
    yield* space.take(undefined, { uploads: 1, bytes: 2_990_000 })
    expect(yield* Effect.flip(Effect.scoped(transcribe({ path: "anything", model: "whisper-1" })))).toMatchObject({
      _tag: "ScratchError",
    })
    expect(asked).toEqual([93])
  }).pipe(Effect.scoped, Effect.provide(worldWith({ uploadsMaxBytes: "3000000" }))),
)
