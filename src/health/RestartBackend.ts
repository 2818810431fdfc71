import type { Effect } from "effect"
import type { HealthError } from "./HealthError.ts"

/**
 * A way to restart one engine. `restart` gives one line for the report, ends by itself, and can be interrupted.
 *
 * @property isSynchronous whether the old process is gone for certain when `restart` has succeeded
 */
export interface RestartBackend {
  readonly name: "docker" | "command" | "test"
  readonly isSynchronous: boolean
  readonly restart: Effect.Effect<string, HealthError>
}
