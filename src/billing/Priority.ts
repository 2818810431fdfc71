import { Schema } from "effect"

/**
 * Whose requests wait for an engine in front of whose: `live` is somebody who listens, such as a voice assistant; `bulk` is work that
 * nobody waits for. What is in front never stops what is behind for good.
 */
export const Priority = Schema.Literals(["live", "normal", "bulk"]).annotate({
  message: 'expected "live" | "normal" | "bulk"',
})
export type Priority = typeof Priority.Type

/** Of a key that says nothing else, and of a request without a key. */
export const usualPriority: Priority = "normal"
