import { NodeServices } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AudioDecoder } from "../../src/audio/AudioDecoder.ts"
import { tooLong } from "../../src/audio/DecodeError.ts"
import { Accounts } from "../../src/billing/Accounts.ts"
import { Billing } from "../../src/billing/Billing.ts"
import { Ledger } from "../../src/billing/Ledger.ts"
import { Payer } from "../../src/billing/Payer.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { Settings } from "../../src/Settings.ts"
import { Transcription } from "../../src/transcription/Transcription.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { rates } from "../support/billing.ts"

/** Every upload is an hour of audio, of which no more is decoded than is asked for. */
const asked: Array<number | undefined> = []
const endless = Layer.succeed(AudioDecoder, {
  maxSeconds: 7_200,
  decode: (_path, maxSeconds) => Effect.suspend(() => (asked.push(maxSeconds), tooLong(maxSeconds ?? 7_200))),
})
const world = Transcription.layer.pipe(
  Layer.provide([endless, EngineGuard.layerOpen, ParakeetClient.layerTest()]),
  Layer.provideMerge(Layer.merge(Billing.layer, Accounts.layer)),
  Layer.provide(Ledger.layerMemory),
  Layer.provide(Settings.layerTest()),
  Layer.provide(NodeServices.layer),
)

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
