import { Schema } from "effect"

/** The engines that are watched, queued for and restarted, each on its own. */
export const Engine = Schema.Literals(["magpie", "parakeet"])
export type Engine = typeof Engine.Type

/** Both, in the order in which reports list them. */
export const engines: ReadonlyArray<Engine> = Engine.literals

/** The engine's name in a sentence. */
export const engineName = (engine: Engine): string => (engine === "magpie" ? "Magpie" : "Parakeet")
