import { Effect } from "effect"
import { note } from "../RequestNotes.ts"

/** What answered where no engine of its kind could; `voice` where it speaks. */
interface StandIn {
  readonly model: string
  readonly voice?: string
}

/**
 * Tells the client, and the request's line in the log, that the engine inside answers in an engine's place. Which of several engines
 * answers is told to nobody: they are alike.
 */
export const engineHeader = Effect.fnUntraced(function* (standIn: StandIn | undefined) {
  if (standIn === undefined) return {}
  const { model, voice } = standIn
  yield* note({ engine: `embedded, ${model}`, ...(voice !== undefined && { voice }) })
  const parameters = [["model", model] as const, ...(voice === undefined ? [] : [["voice", voice] as const])]
  return { "x-aviary-engine": ["embedded", ...parameters.map(([name, value]) => `${name}="${value}"`)].join("; ") }
})

/** The model that heard in an engine's place, as `engineHeader` takes it. */
export const standInOf = (model: string | undefined): StandIn | undefined =>
  model === undefined ? undefined : { model }
