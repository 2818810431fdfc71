import { Clock, type Context, Effect, Layer, Stream } from "effect"
import { Admission } from "../../src/health/Admission.ts"
import { DeepHealth } from "../../src/health/DeepHealth.ts"
import type { EngineId } from "../../src/health/EngineId.ts"
import { EngineGuard } from "../../src/health/EngineGuard.ts"
import { EngineProbe } from "../../src/health/EngineProbe.ts"
import { EngineStates } from "../../src/health/EngineStates.ts"
import * as OnDemand from "../../src/health/OnDemand.ts"
import { Power } from "../../src/health/Power.ts"
import { Quarantine } from "../../src/health/Quarantine.ts"
import { RestartBudget } from "../../src/health/RestartBudget.ts"
import { Restarter } from "../../src/health/Restarter.ts"
import { type JournalRecord, RestartJournal } from "../../src/health/RestartJournal.ts"
import type { LiveSettings } from "../../src/LiveSettings.ts"
import { Neighbours } from "../../src/scratch/Neighbours.ts"
import { Settings } from "../../src/Settings.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import { EngineLoading, EngineRejected } from "../../src/upstream/EngineFailure.ts"
import { NodeServices } from "@effect/platform-node"
import { fleetOf } from "./fleet.ts"
import { oneSegment } from "./heard.ts"

/** What a Parakeet whose CUDA context is gone answers, for ever. */
export const cublasError = new EngineRejected({
  status: 500,
  message: "transcription failed",
  body: "RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasGemmEx",
})

/**
 * A Parakeet that wedges when told to, and counts. `restarts` are Unix milliseconds. `loadMillis`: how long it loads
 * after a restart. `wedgesAgain`: as wedged after a restart as before it. `lingerMillis`: how long the old process still
 * answers, and says that it is ready, after a restart is done.
 */
export class SickEngine {
  wedged = false
  wedgesAgain = false
  loadMillis = 0
  callMillis = 0
  restartMillis = 0
  lingerMillis = 0
  readyAt = 0
  private goneAt = Number.NEGATIVE_INFINITY
  private oldIsWedged = false
  calls = 0
  restarts: Array<number> = []

  readonly transcribe = Effect.suspend(() => {
    this.calls++
    return Effect.sleep(this.callMillis).pipe(
      Effect.andThen(this.check),
      Effect.andThen(
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          (now < this.goneAt ? this.oldIsWedged : this.wedged)
            ? Effect.fail(new EngineError({ engine: "parakeet", reason: cublasError }))
            : Effect.succeed(oneSegment("He might even have been made amiable himself.")),
        ),
      ),
    )
  })

  readonly check = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    this.goneAt <= now && now < this.readyAt
      ? Effect.fail(new EngineError({ engine: "parakeet", reason: new EngineLoading({ message: "loading" }) }))
      : Effect.void,
  )

  readonly restart = Effect.gen({ self: this }, function* () {
    const now = yield* Clock.currentTimeMillis
    this.restarts.push(now)
    yield* Effect.sleep(this.restartMillis)
    this.oldIsWedged = now < this.goneAt ? this.oldIsWedged : this.wedged
    this.goneAt = now + this.restartMillis + this.lingerMillis
    this.readyAt = this.goneAt + this.loadMillis
    this.wedged = this.wedgesAgain
  })
}

/**
 * The health room around `engine`; what it restarts is written to `journal`, which the next gateway may be given.
 * `scheduled`: with the probes that nobody asks for.
 */
export const healthRoom = (
  engine: SickEngine,
  options: {
    readonly settings?: Parameters<typeof Settings.layerTest>[0]
    /** Settings read once, for many rooms. */
    readonly readSettings?: Context.Context<Settings | LiveSettings>
    readonly journal?: Array<JournalRecord>
    readonly scheduled?: boolean
    readonly restarter?: "none"
    /** A probe that costs nothing, for days on end. */
    readonly quickProbe?: boolean
    /** What a probe finds, whatever it finds. */
    readonly probe?: Layer.Layer<EngineProbe>
    /** What stops and starts engines; nothing does unless it is given. */
    readonly power?: Layer.Layer<Power>
    /** Further Parakeets. */
    readonly others?: ReadonlyArray<SickEngine>
  } = {},
) => {
  const parakeets = [engine, ...(options.others ?? [])]
  const parakeet = (id: EngineId) => parakeets[Number(id.split("-")[1] ?? 1) - 1]!
  const budget = RestartBudget.layer.pipe(Layer.provide(RestartJournal.layerMemory(options.journal ?? [])))
  const restarter =
    options.restarter === "none"
      ? Restarter.layerNone
      : Restarter.layerTest((which) => (which === "magpie" ? Effect.void : parakeet(which).restart), {
          isSynchronous: engine.lingerMillis === 0,
        })
  const quickProbe = EngineProbe.layerTest((which) =>
    Effect.succeed(
      which !== "magpie" && parakeet(which).wedged
        ? { result: "certain", detail: "CUBLAS" }
        : { result: "passed", detail: "heard it" },
    ),
  )
  const realProbe = EngineProbe.layer.pipe(Layer.provide(NodeServices.layer))
  const probe = options.probe ?? (options.quickProbe === true ? quickProbe : realProbe)
  const deepHealth = options.scheduled === true ? DeepHealth.layer : DeepHealth.layerUnscheduled
  return Layer.merge(EngineGuard.layer, OnDemand.layer).pipe(
    Layer.provideMerge(deepHealth),
    Layer.provide([options.power ?? Power.layerNone, Neighbours.layerNone]),
    Layer.provideMerge(Layer.mergeAll(Admission.layer, Quarantine.layer, probe)),
    Layer.provideMerge(EngineStates.layer),
    Layer.provideMerge(restarter),
    Layer.provideMerge(budget),
    Layer.provideMerge(
      fleetOf(parakeets.map((one) => ({ transcribe: () => Stream.fromEffect(one.transcribe), ready: one.check }))),
    ),
    Layer.provideMerge(
      options.readSettings === undefined
        ? Settings.layerTest(options.settings)
        : Layer.succeedContext(options.readSettings),
    ),
  )
}
