import { Schema } from "effect"

/**
 * What is known about an engine.
 *
 * - `unknown`: no probe could tell yet. Requests pass.
 * - `healthy`: a real inference worked. Requests pass.
 * - `down`: nobody listens. Requests pass, since the first that works is the news; they fail quickly until then.
 * - `suspect`: a request met what looks like a wedge; a probe decides. Requests wait for it.
 * - `wedged`: a probe confirmed it. Requests are refused, as in all that follow.
 * - `restarting`: the backend is at work.
 * - `recovering`: restarted, or seen loading: waits for readiness, then for a probe that passes.
 * - `exhausted`: wedged, and no restart is left in the window.
 * - `stopped`: nobody needed it, so it was stopped. The first request that does starts it.
 * - `starting`: its start was asked for; `recovering` follows.
 */
export const EngineState = Schema.Literals([
  "unknown",
  "healthy",
  "down",
  "suspect",
  "wedged",
  "restarting",
  "recovering",
  "exhausted",
  "stopped",
  "starting",
])
export type EngineState = typeof EngineState.Type

/**
 * What happened to an engine.
 *
 * - `suspected`: a request met what looks like a wedge
 * - `passed`, `wedged`, `acquitted`: a probe worked; failed twice or with a sure sign; could not tell
 * - `loading`, `unreachable`: what a probe, or for `unreachable` a request, met instead
 * - `answered`: a request was answered, so somebody listens. No proof of health: a probe gives that
 * - `restarting`, `restarted`, `restartFailed`: a restart began and how it ended
 * - `spent`, `restored`: no restart left; the budget has one again
 * - `gaveUp`, `lost`: not ready within the limit, after a wedge or without one
 * - `stopped`: it is being stopped since nobody needs it, or was found so
 * - `stopFailed`: it may still run
 * - `needed`, `started`, `startFailed`: a request came for one that is stopped; how its start ended
 */
export type EngineEvent =
  | "suspected"
  | "passed"
  | "wedged"
  | "acquitted"
  | "loading"
  | "unreachable"
  | "answered"
  | "restarting"
  | "restarted"
  | "restartFailed"
  | "spent"
  | "restored"
  | "gaveUp"
  | "lost"
  | "stopped"
  | "stopFailed"
  | "needed"
  | "started"
  | "startFailed"

const untouched = {
  suspected: "suspect",
  passed: "healthy",
  wedged: "wedged",
  loading: "recovering",
  unreachable: "down",
  restarting: "restarting",
  stopped: "stopped",
} as const

/** After a wedge "gone" and "loading" mean a new process; it must show itself by a probe before it gets requests. */
const wedgedFor = {
  passed: "healthy",
  loading: "recovering",
  unreachable: "recovering",
  restarting: "restarting",
} as const

const transitions: Record<EngineState, Partial<Record<EngineEvent, EngineState>>> = {
  unknown: untouched,
  healthy: untouched,
  down: { ...untouched, answered: "unknown", acquitted: "unknown" },
  suspect: { ...untouched, acquitted: "unknown" },
  wedged: { ...wedgedFor, spent: "exhausted" },
  exhausted: { ...wedgedFor, restored: "wedged" },
  restarting: { restarted: "recovering", restartFailed: "wedged" },
  recovering: { passed: "healthy", wedged: "wedged", gaveUp: "wedged", lost: "down", restarting: "restarting" },
  stopped: { needed: "starting", passed: "healthy", stopFailed: "unknown" },
  starting: { started: "recovering", startFailed: "down" },
}

/** The state after `event`; the same state where the event says nothing new. */
export const next = (state: EngineState, event: EngineEvent): EngineState => transitions[state][event] ?? state

/** Whether requests are refused in `state`: a wedge was confirmed and no probe has passed since, or the model is loading. */
export const refusesRequests = (state: EngineState): boolean =>
  state !== "suspect" && !takesRequests(state) && !isAsleep(state)

/** Whether an engine in `state` is believed to answer requests. One that is `down` gets them, as the first to work is the news. */
export const isUsable = (state: EngineState): boolean => state === "unknown" || state === "healthy"

/** Whether nobody needed an engine in `state`, so that it does not run, or not yet. */
export const isAsleep = (state: EngineState): boolean => state === "stopped" || state === "starting"

/** Whether a request may be sent to an engine in `state`. */
export const takesRequests = (state: EngineState): boolean =>
  state === "unknown" || state === "healthy" || state === "down"
