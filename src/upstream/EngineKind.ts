import { Schema } from "effect"

/** What an engine is, whichever of several it is: `magpie` speaks, `parakeet` listens. */
export const EngineKind = Schema.Literals(["magpie", "parakeet"])
export type EngineKind = typeof EngineKind.Type
