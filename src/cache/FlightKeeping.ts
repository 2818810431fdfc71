import { Effect, Fiber, Option, Scope } from "effect"
import type { AtomicCache } from "./AtomicCache.ts"
import type { EntryWriter } from "./Entry.ts"
import type { Description } from "./EntryFormat.ts"
import type { FlightPlan } from "./Flight.ts"
import type { Tape } from "./Tape.ts"
import type { Trouble } from "./Trouble.ts"

/**
 * What a flight leaves in the cache. Trouble with the disk fails neither: the listeners have the audio, and that is what they
 * came for.
 *
 * - `spool`: moves the tape to a file until the audio is `made`; the file, unless the disk failed
 * - `keep`: makes the file an entry, once `spool` has moved all
 */
export const makeKeeping = <E>(
  plan: FlightPlan<E>,
  options: {
    readonly cache: AtomicCache["Service"]
    readonly trouble: Trouble
    readonly tape: Tape<E>
    /** The file can be read as long as this is open. */
    readonly scope: Scope.Scope
    readonly made: () => boolean
  },
) => {
  const { cache, trouble, tape, scope, made } = options

  const spool = cache.write(plan.key).pipe(
    Scope.provide(scope),
    Effect.flatMap((writer) => Effect.as(tape.spool(writer, made), Option.some(writer))),
    Effect.catch((error) =>
      trouble
        .report("write entries", error)
        .pipe(Effect.andThen(tape.giveUpDisk), Effect.as(Option.none<EntryWriter>())),
    ),
  )

  const keep = Effect.fnUntraced(function* (
    spooler: Fiber.Fiber<Option.Option<EntryWriter>>,
    description: Description,
    head: Uint8Array | undefined,
  ): Effect.fn.Return<"committed" | "uncached"> {
    yield* tape.wake
    const writer = yield* Fiber.join(spooler)
    if (Option.isNone(writer) || plan.mode === "bypass" || !cache.enabled) return "uncached"
    return yield* writer.value.commit(description, head).pipe(
      Effect.andThen(trouble.over("write entries")),
      Effect.as("committed" as const),
      Effect.catch((error) => Effect.as(trouble.report("write entries", error), "uncached" as const)),
    )
  })

  return { spool, keep }
}
