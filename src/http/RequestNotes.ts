import { Context, Effect } from "effect"
import { withoutSecrets } from "../telemetry/Secrets.ts"

/**
 * What became known of a request while it was answered, for its line in the log.
 *
 * @property engine what answered in the place of the engines
 * @property why what went wrong, in words for an operator
 */
export interface RequestNotes {
  readonly account?: string
  readonly key?: string
  readonly model?: string
  readonly voice?: string
  readonly engine?: string
  readonly why?: string
}

/** The notes on the request at hand; `frontDoor` puts them there. */
export const CurrentNotes = Context.Reference<{ notes: RequestNotes } | undefined>("aviary/http/RequestNotes", {
  defaultValue: () => undefined,
})

/** Clients choose names; a line of the log does not grow with them. */
const longest = 200

/** Adds to the notes. What a client wrote is kept without keys, short, and on one line. */
export const note = (notes: RequestNotes): Effect.Effect<void> =>
  Effect.map(CurrentNotes, (current) => {
    if (current === undefined) return
    const safe = Object.entries(notes).map(([name, text]) => [
      name,
      withoutSecrets(String(text)).replace(/\s+/g, " ").slice(0, longest),
    ])
    current.notes = { ...current.notes, ...Object.fromEntries(safe) }
  })
