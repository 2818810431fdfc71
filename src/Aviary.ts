import * as NodeServices from "@effect/platform-node/NodeServices"
import { Duration, Effect, Layer } from "effect"
import { AudioDecoder } from "./audio/AudioDecoder.ts"
import { Access } from "./billing/Access.ts"
import { Accounts } from "./billing/Accounts.ts"
import { Billing } from "./billing/Billing.ts"
import * as PostgresLedger from "./billing/postgres/PostgresLedger.ts"
import * as SharedCounters from "./billing/postgres/SharedCounters.ts"
import * as Receipts from "./billing/Receipts.ts"
import * as SqliteLedger from "./billing/sqlite/SqliteLedger.ts"
import { AtomicCache } from "./cache/AtomicCache.ts"
import * as PostgresSharing from "./cache/PostgresSharing.ts"
import { Flights } from "./cache/Flights.ts"
import { OwnedKeys } from "./cache/OwnedKeys.ts"
import * as SharedDatabase from "./database/SharedDatabase.ts"
import { whereShared } from "./database/SharedDatabase.ts"
import { Admission } from "./health/Admission.ts"
import { DeepHealth } from "./health/DeepHealth.ts"
import { EngineGuard } from "./health/EngineGuard.ts"
import { EngineProbe } from "./health/EngineProbe.ts"
import { Fleet } from "./health/Fleet.ts"
import { EngineStates } from "./health/EngineStates.ts"
import { EngineTimeline } from "./health/EngineTimeline.ts"
import * as PostgresBudget from "./health/postgres/PostgresBudget.ts"
import * as PostgresRounds from "./health/postgres/PostgresRounds.ts"
import { readMembers } from "./health/MemberSettings.ts"
import * as OnDemand from "./health/OnDemand.ts"
import { Power } from "./health/Power.ts"
import { Quarantine } from "./health/Quarantine.ts"
import { RestartBudget } from "./health/RestartBudget.ts"
import { Restarter } from "./health/Restarter.ts"
import { RestartJournal } from "./health/RestartJournal.ts"
import { AdminToken } from "./http/access/AdminToken.ts"
import * as Server from "./http/Server.ts"
import { LiveSettings } from "./LiveSettings.ts"
import { Neighbours } from "./scratch/Neighbours.ts"
import { Scratch } from "./scratch/Scratch.ts"
import { Settings } from "./Settings.ts"
import { Speech } from "./speech/Speech.ts"
import * as Log from "./telemetry/Log.ts"
import * as Otlp from "./telemetry/Otlp.ts"
import { VoiceList } from "./speech/VoiceList.ts"
import { Transcription } from "./transcription/Transcription.ts"
import { MagpieClient } from "./upstream/MagpieClient.ts"
import { ParakeetClient } from "./upstream/ParakeetClient.ts"
import { WyomingServer } from "./wyoming/WyomingServer.ts"

/**
 * Magpie at its URL, or the embedded engine where there is none. Of several this is the first: the fleet knows the others.
 *
 * @public
 */
export const magpie = Layer.unwrap(
  Effect.map(readMembers("magpie"), ([{ address }]) =>
    address === undefined ? MagpieClient.layerInside : MagpieClient.layerAt(address),
  ),
)

/**
 * The same of Parakeet.
 *
 * @public
 */
export const parakeet = Layer.unwrap(
  Effect.map(readMembers("parakeet"), ([{ address }]) =>
    address === undefined ? ParakeetClient.layerInside : ParakeetClient.layerAt(address),
  ),
)

export const engines = Layer.mergeAll(magpie, parakeet)

const decoder = Layer.unwrap(
  Effect.gen(function* () {
    const { recordings } = yield* Scratch
    const { now } = yield* LiveSettings
    return AudioDecoder.layer({ scratch: recordings, maxSeconds: () => Duration.toSeconds(now().recordingMaxDuration) })
  }),
)

/** In place of what only several gateways need. */
const nothingShared: Layer.Layer<never> = Layer.empty

/**
 * Who may use the gateway, and who pays.
 *
 * @public
 */
export const accounts = Layer.mergeAll(
  Billing.layer.pipe(Layer.provide(Receipts.layer)),
  Access.layer.pipe(Layer.provide(whereShared(SharedCounters.layer, nothingShared))),
  Accounts.layer,
)

/**
 * Engine health: the fleet, with its turns, states, probes and restarts, and what is stopped while nobody needs it.
 *
 * @public
 */
export const health = Layer.mergeAll(EngineGuard.layer, OnDemand.layer, EngineTimeline.layer).pipe(
  Layer.provideMerge(DeepHealth.layer),
  Layer.provide([EngineProbe.layer, Restarter.layer, Power.layer]),
  Layer.provideMerge(whereShared(PostgresBudget.layer, RestartBudget.layer.pipe(Layer.provide(RestartJournal.layer)))),
  Layer.provideMerge(Layer.mergeAll(Admission.layer, Quarantine.layer)),
  Layer.provideMerge(EngineStates.layer),
  Layer.provide(whereShared(PostgresRounds.layer, nothingShared)),
  Layer.provideMerge(Fleet.layer),
)

/**
 * The cache: committed entries, syntheses under way, and which account each belongs to.
 *
 * @public
 */
export const cache = Flights.layer.pipe(Layer.provideMerge(Layer.merge(AtomicCache.layer, OwnedKeys.layer)))

const ledger = whereShared(PostgresLedger.layer, SqliteLedger.layer)

/** The speech and transcription programs with cache, health and accounts; engines and ledger are still to be provided. */
export const programsOnLedger = Layer.mergeAll(Speech.layer, Transcription.layer.pipe(Layer.provide(decoder))).pipe(
  Layer.provideMerge(cache),
  Layer.provideMerge(health),
  Layer.provideMerge(accounts),
  Layer.provideMerge(Layer.merge(Scratch.layer, Neighbours.layer)),
)

/**
 * The same on `AVIARY_DATABASE_URL`, or on SQLite in the data directory.
 *
 * @public
 */
export const programs = programsOnLedger.pipe(
  Layer.provideMerge(whereShared(PostgresSharing.layer, nothingShared)),
  Layer.provide(ledger),
  Layer.provide(SharedDatabase.layer),
)

/**
 * Everything that requests need; engines, settings and platform are still to be provided. With `makeWebHandler` it is the
 * whole gateway without a socket.
 */
export const services = Layer.merge(VoiceList.layer, AdminToken.layer).pipe(Layer.provideMerge(programs))

/** The gateway, serving on `AVIARY_HOST` and `AVIARY_PORT`. */
export const gateway = Layer.merge(Server.layer, WyomingServer.layer).pipe(
  Layer.provideMerge(Server.layerNode),
  Layer.provideMerge(services),
  Layer.provideMerge(engines),
  Layer.provide(Otlp.layer.pipe(Layer.provideMerge(Log.layer))),
  Layer.provideMerge(Settings.layer),
  Layer.provideMerge(NodeServices.layer),
)
