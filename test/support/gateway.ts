import * as NodeServices from "@effect/platform-node/NodeServices"
import { type Context, Effect, Layer, Logger, Stream } from "effect"
import { HttpServer } from "effect/http"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Access } from "../../src/billing/Access.ts"
import { Accounts } from "../../src/billing/Accounts.ts"
import { Billing } from "../../src/billing/Billing.ts"
import * as SqliteLedger from "../../src/billing/sqlite/SqliteLedger.ts"
import { AtomicCache } from "../../src/cache/AtomicCache.ts"
import { OwnedKeys } from "../../src/cache/OwnedKeys.ts"
import { Admission } from "../../src/health/Admission.ts"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { EngineProbe } from "../../src/health/EngineProbe.ts"
import { Fleet } from "../../src/health/Fleet.ts"
import { EngineTimeline } from "../../src/health/EngineTimeline.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import { Quarantine } from "../../src/health/Quarantine.ts"
import { RestartBudget } from "../../src/health/RestartBudget.ts"
import { Restarter } from "../../src/health/Restarter.ts"
import { RestartJournal } from "../../src/health/RestartJournal.ts"
import { AdminToken } from "../../src/http/access/AdminToken.ts"
import * as Server from "../../src/http/Server.ts"
import type { LiveSettings } from "../../src/LiveSettings.ts"
import { Scratch } from "../../src/scratch/Scratch.ts"
import { Settings } from "../../src/Settings.ts"
import { Speech, type Spoken } from "../../src/speech/Speech.ts"
import { VoiceList } from "../../src/speech/VoiceList.ts"
import { Transcription, type Transcribed } from "../../src/transcription/Transcription.ts"
import { MagpieClient } from "../../src/upstream/MagpieClient.ts"
import { ParakeetClient } from "../../src/upstream/ParakeetClient.ts"
import { oneSegment } from "./heard.ts"

type Engines = MagpieClient | ParakeetClient
type Programs = Speech | Transcription
/** What the routes beside the two programs look into. */
type Rooms =
  | AtomicCache
  | OwnedKeys
  | DeepHealth
  | EngineTimeline
  | Quarantine
  | Access
  | Accounts
  | Billing
  | AdminToken
  | Scratch

/** What a test may put in place of the tests' own parts. */
export interface Parts {
  readonly engines?: Layer.Layer<Engines>
  /** The two programs; they are given the engines and settings. */
  readonly programs?: Layer.Layer<Programs, unknown, Engines | Settings | LiveSettings>
  /** The same as a whole: in `startAviary` the one build that `programs` is of. */
  readonly rooms?: Layer.Layer<Rooms, unknown, Engines | Settings | LiveSettings>
  /** The voice list that the routes ask, where it is not to be one of its own, without a guard. */
  readonly voices?: Layer.Layer<VoiceList, unknown, Engines | Settings | LiveSettings>
  /** As in the environment; the port is a free one unless said otherwise. */
  readonly settings?: Parameters<typeof Settings.layerTest>[0]
  /** Where log lines go; nowhere unless said otherwise. */
  readonly loggers?: ReadonlyArray<Logger.Logger<unknown, unknown>>
}

/** An answer that costs nothing. */
export const free = { settle: Effect.void, delivered: () => Effect.void }

/** A speech program that answers `bytes` in whatever voice; a test of HTTP has no need of a better one. */
export const speechOf = (spoken: Partial<Spoken> = {}): Layer.Layer<Speech> =>
  Layer.succeed(Speech, {
    speak: () =>
      Effect.succeed({
        key: "0".repeat(64),
        cache: "MISS",
        contentType: "audio/mpeg",
        length: undefined,
        bytes: Stream.make(new Uint8Array([1, 2, 3]), new Uint8Array([4])),
        ...free,
        ...spoken,
      }),
  })

/** A transcript that costs nothing, in one segment. */
export const transcribed = (text = "test", durationSeconds = 2.5): Transcribed => ({
  segments: text === "" ? Stream.empty : Stream.succeed(oneSegment(text)),
  language: "en-US",
  durationSeconds,
  unheardMs: () => 0,
  standIn: () => undefined,
  ...free,
})

/** A transcription program that hears `test`, two and a half seconds long, in every upload. */
export const transcriptionOf = (
  transcribe: Transcription["Service"]["transcribe"] = () => Effect.succeed(transcribed()),
): Layer.Layer<Transcription> => Layer.succeed(Transcription, { transcribe })

export const testEngines: Layer.Layer<Engines> = Layer.merge(MagpieClient.layerTest(), ParakeetClient.layerTest())
export const testPrograms: Layer.Layer<Programs> = Layer.merge(speechOf(), transcriptionOf())

/** A cache and a ledger in memory, and engines whose every probe passes and that nothing restarts. */
export const testRooms: Layer.Layer<Rooms, unknown, Engines | Settings | LiveSettings> = Layer.mergeAll(
  AdminToken.layer.pipe(Layer.provide(NodeServices.layer)),
  Layer.mergeAll(Billing.layer, Access.layer, Accounts.layer).pipe(Layer.provide(SqliteLedger.layerMemory)),
  AtomicCache.layerMemory,
  Scratch.layer.pipe(Layer.provide(NodeServices.layer)),
  OwnedKeys.layerShared,
  Layer.merge(DeepHealth.layerUnscheduled, EngineTimeline.layer).pipe(
    Layer.provide(EngineProbe.layerTest(() => Effect.succeed({ result: "passed", detail: "said so" }))),
    Layer.provide(Restarter.layerNone),
    Layer.provide(RestartBudget.layer),
    Layer.provide(RestartJournal.layerMemory([])),
    Layer.provideMerge(Layer.mergeAll(Admission.layer, Quarantine.layer)),
    Layer.provideMerge(EngineStates.layer),
    Layer.provide(Fleet.layer),
  ),
)

/** Starts the gateway on a free loopback port for as long as the scope is open. */
export const startGateway = Effect.fnUntraced(function* (parts: Parts = {}) {
  const engines = parts.engines ?? testEngines
  const dataDir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-test-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true })),
  )
  const settings = Settings.layerTest({ port: "0", dataDir, ...parts.settings })
  const programs = (parts.programs ?? testPrograms).pipe(Layer.provide(engines))
  const fleet = Fleet.layer.pipe(Layer.provide(engines))
  const guard = EngineGuard.layerOpen.pipe(Layer.provide(fleet))
  const voices: Layer.Layer<VoiceList, unknown, Engines | EngineGuard | Fleet | Settings | LiveSettings> =
    parts.voices ?? VoiceList.layer
  const rooms = (parts.rooms ?? testRooms).pipe(Layer.provide(engines))
  const gateway = Server.layer.pipe(
    Layer.provideMerge(Server.layerNode),
    Layer.provide([programs, rooms, voices.pipe(Layer.provide([engines, guard, fleet])), fleet]),
    Layer.provide(settings),
    Layer.provide(Logger.layer(parts.loggers ?? [])),
  )
  const context = yield* Layer.build(Layer.merge(gateway, rooms.pipe(Layer.provide(settings))))
  const { address } = yield* HttpServer.HttpServer.pipe(Effect.provide(context))
  if (address._tag === "UnixPathAddress") return yield* Effect.die("not listening on TCP")
  /** The rooms that the gateway serves, to look into and to prepare. */
  const services: Context.Context<Rooms> = context
  return { port: address.port, url: `http://127.0.0.1:${address.port}`, services }
})
