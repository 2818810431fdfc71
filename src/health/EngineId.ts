import { Schema } from "effect"
import { EngineKind } from "../upstream/EngineKind.ts"

/**
 * Names one engine, in reports, journals, metrics and addresses: by its kind where it is the only one of it (`parakeet`), by
 * kind and number where there are several (`parakeet-2`). `parakeet-fallback` is the engine inside that stands in for all of them.
 */
export const EngineId = Schema.Union([
  EngineKind,
  Schema.TemplateLiteral([EngineKind, "-", Schema.Finite]),
  Schema.TemplateLiteral([EngineKind, "-fallback"]),
])
export type EngineId = typeof EngineId.Type

/** The id of the `number`th of `count` engines of `kind`, counted from 1. */
export const engineId = (kind: EngineKind, number: number, count: number): EngineId =>
  count === 1 ? kind : `${kind}-${number}`

/** The id of what stands in for the engines of `kind`. */
export const standInId = (kind: EngineKind): EngineId => `${kind}-fallback`

/** Whether the engine with an id is one that stands in for others. */
export const isStandIn = (id: EngineId): boolean => id.endsWith("-fallback")

/** The engine's name in a sentence: `Parakeet`, `Parakeet 2`, or `Parakeet's fallback`. */
export const engineName = (id: EngineId): string => {
  const [kind, which] = id.split("-")
  const name = kind === "magpie" ? "Magpie" : "Parakeet"
  return which === undefined ? name : which === "fallback" ? `${name}'s fallback` : `${name} ${which}`
}

/** The kind of the engine with an id. */
export const engineKind = (id: EngineId): EngineKind => (id.startsWith("magpie") ? "magpie" : "parakeet")
