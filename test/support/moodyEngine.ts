import { Clock, Effect, Layer } from "effect"
import { type Attempt, EngineProbe } from "../../src/health/EngineProbe.ts"
import type { EngineId } from "../../src/health/EngineId.ts"
import { Power } from "../../src/health/Power.ts"
import { EngineError } from "../../src/upstream/EngineError.ts"
import {
  type EngineFailure,
  EngineRejected,
  EngineTimedOut,
  EngineUnreachable,
} from "../../src/upstream/EngineFailure.ts"
import { oneSegment } from "./heard.ts"
import { cublasError, SickEngine } from "./sickEngine.ts"

/** What can be the matter with an engine. */
export const moods = ["well", "wedged", "wedged as 422", "hung", "dead", "busy", "malformed"] as const
export type Mood = (typeof moods)[number]

const failures: Partial<Record<Mood, EngineFailure>> = {
  wedged: cublasError,
  "wedged as 422": new EngineRejected({
    status: 422,
    message: "CUDA error: an illegal memory access was encountered",
    body: "",
  }),
  hung: new EngineTimedOut({ phase: "total", afterMillis: 5_000 }),
  dead: new EngineUnreachable({ message: "connect ECONNREFUSED" }),
  busy: new EngineRejected({ status: 429, message: "too many requests", body: "" }),
  malformed: new EngineRejected({ status: 500, message: "transcription failed", body: "" }),
}

const isWedge = (mood: Mood) => mood.startsWith("wedged") || mood === "hung" || mood === "malformed"

/**
 * An engine that changes its mood, and keeps account of what is done to it. A restart ends what only a restart ends.
 *
 * @property off whether it is stopped: nothing may be sent to it then, nor may it be stopped with calls under way
 */
export class MoodyEngine extends SickEngine {
  mood: Mood = "well"
  off = false
  underWay = 0
  stops = 0
  /** What must never have happened. */
  readonly wrongs: Array<string> = []

  private readonly failure = Effect.suspend(() => {
    const reason = this.off ? failures.dead : failures[this.mood]
    return reason === undefined ? Effect.void : Effect.fail(new EngineError({ engine: "parakeet", reason }))
  })

  override readonly transcribe = Effect.suspend(() => {
    this.calls++
    this.underWay++
    if (this.off) this.wrongs.push("it was called while it was stopped")
    const quick = this.off || this.mood === "dead" || this.mood === "busy"
    return Effect.sleep(quick ? 0 : this.mood === "hung" ? 5_000 : this.callMillis).pipe(
      Effect.andThen(this.failure),
      Effect.as(oneSegment("He might even have been made amiable himself.")),
      Effect.ensuring(Effect.sync(() => void this.underWay--)),
    )
  })

  override readonly check = this.failure

  override readonly restart = Effect.gen({ self: this }, function* () {
    this.restarts.push(yield* Clock.currentTimeMillis)
    yield* Effect.sleep(this.restartMillis)
    if (isWedge(this.mood)) this.mood = "well"
  })

  readonly probe = Effect.suspend((): Effect.Effect<Attempt> => {
    const detail = this.off ? "stopped" : this.mood
    const result =
      this.off || this.mood === "dead"
        ? "unreachable"
        : this.mood === "busy"
          ? "unclear"
          : isWedge(this.mood)
            ? "certain"
            : "passed"
    return Effect.as(Effect.sleep(this.mood === "hung" ? 1_000 : 10), { result, detail })
  })

  readonly power = {
    idleMillis: 15_000,
    stop: Effect.suspend(() => {
      this.stops++
      if (this.underWay > 0) this.wrongs.push(`it was stopped with ${this.underWay} calls under way`)
      this.off = true
      return Effect.as(Effect.sleep(1_000), "stopped")
    }),
    start: Effect.suspend(() => Effect.as(Effect.sleep(2_000), "started")).pipe(
      Effect.tap(() => Effect.sync(() => void (this.off = false))),
    ),
  }
}

const at = (engines: ReadonlyArray<MoodyEngine>, id: EngineId) => engines[Number(id.split("-")[1] ?? 1) - 1]!

export const probesOf = (engines: ReadonlyArray<MoodyEngine>) =>
  EngineProbe.layerTest(
    (id) => (id === "magpie" ? Effect.succeed({ result: "passed", detail: "" }) : at(engines, id).probe),
    (id) => (id === "magpie" ? Effect.succeed(true) : Effect.isSuccess(at(engines, id).check)),
  )

/** Those of `engines` that `isOnDemand` says may be stopped. */
export const powerOf = (
  engines: ReadonlyArray<MoodyEngine>,
  isOnDemand: (engine: MoodyEngine) => boolean,
): Layer.Layer<Power> =>
  Power.layerTest((id) => (id !== "magpie" && isOnDemand(at(engines, id)) ? at(engines, id).power : undefined))
