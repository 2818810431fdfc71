import { Schema } from "effect"
import { EngineKind } from "../upstream/EngineKind.ts"

/**
 * Names one engine, in reports, journals, metrics and addresses: by its kind where it is the only one of it (`parakeet`), by
 * kind and number where there are several (`parakeet-2`).
 */
export const EngineId = Schema.Union([EngineKind, Schema.TemplateLiteral([EngineKind, "-", Schema.Finite])])
export type EngineId = typeof EngineId.Type

/** The id of the `number`th of `count` engines of `kind`, counted from 1. */
export const engineId = (kind: EngineKind, number: number, count: number): EngineId =>
  count === 1 ? kind : `${kind}-${number}`

/** The engine's name in a sentence: `Parakeet`, or `Parakeet 2`. */
export const engineName = (id: EngineId): string => {
  const [kind, number] = id.split("-")
  const name = kind === "magpie" ? "Magpie" : "Parakeet"
  return number === undefined ? name : `${name} ${number}`
}

/** The kind of the engine with an id. */
export const engineKind = (id: EngineId): EngineKind => (id.startsWith("magpie") ? "magpie" : "parakeet")
