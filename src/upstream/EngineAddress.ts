import type { Redacted } from "effect"

/** What is spoken to an engine: NVIDIA's own routes, or OpenAI's. */
export type EngineProtocol = "nim" | "openai"

/**
 * Where one engine is, and what is said to it.
 *
 * @property protocol `auto`: the server is asked once which it speaks
 * @property key sent as a bearer token; without it, the name and password in `url` are sent, if it has them
 * @property model its name: part of every cache key, and sent where the protocol names a model. Absent: the setting for its kind,
 *   else what the server lists
 * @property voices what it can speak with, instead of asking it. Absent: the setting, else what the server lists
 */
export interface EngineAddress {
  readonly url: URL
  readonly protocol: "auto" | EngineProtocol
  readonly key?: Redacted.Redacted | undefined
  readonly model?: string | undefined
  readonly voices?: ReadonlyArray<string> | undefined
}
