import { Effect, Fiber, Option, Scope } from "effect"
import type { AtomicCache } from "./AtomicCache.ts"
import type { EntryWriter } from "./Entry.ts"
import type { Description } from "./EntryFormat.ts"
import type { FlightPlan } from "./Flights.ts"
import type { Tape } from "./Tape.ts"
import type { Trouble } from "./Trouble.ts"

/**
 * What a flight leaves in the cache. Trouble with the disk fails neither: the listeners have the audio, and that is what they
 * came for.
 *
 * - `take`: puts what was made on the tape, and has the tape moved to a file once it is longer than `keptBytes`
 * - `keep`: makes an entry of the file, once all is moved, or of the tape
 */
export const makeKeeping = <E>(
  plan: Pick<FlightPlan<E>, "key" | "mode">,
  options: {
    readonly cache: AtomicCache["Service"]
    readonly trouble: Trouble
    readonly tape: Tape<E>
    /** The file can be read as long as this is open. */
    readonly scope: Scope.Scope
    readonly made: () => boolean
    readonly keptBytes: number
  },
) => {
  const { cache, keptBytes, made, scope, tape, trouble } = options
  let spooler: Fiber.Fiber<Option.Option<EntryWriter>> | undefined

  const spool = cache.write(plan.key).pipe(
    Scope.provide(scope),
    Effect.flatMap((writer) => Effect.as(tape.spool(writer, made), Option.some(writer))),
    Effect.catch((error) =>
      trouble
        .report("write entries", error)
        .pipe(Effect.andThen(tape.giveUpDisk), Effect.as(Option.none<EntryWriter>())),
    ),
  )

  const startSpooling = Effect.suspend(() =>
    spooler !== undefined
      ? Effect.void
      : Effect.map(Effect.forkIn(spool, scope, { startImmediately: true }), (fiber) => void (spooler = fiber)),
  )

  const take = (chunks: ReadonlyArray<Uint8Array>) => {
    tape.append(chunks)
    return tape.length() > keptBytes ? Effect.andThen(startSpooling, tape.room) : Effect.void
  }

  const written = (
    spooled: Option.Option<EntryWriter> | undefined,
    description: Description,
    head: Uint8Array | undefined,
  ): Effect.Effect<"committed" | "uncached"> => {
    if (spooled !== undefined && Option.isNone(spooled)) return Effect.succeed("uncached")
    if (plan.mode === "bypass" || !cache.enabled) return Effect.succeed("uncached")
    const commit =
      spooled === undefined
        ? cache.put(plan.key, tape.window(), description, head)
        : spooled.value.commit(description, head)
    return Effect.matchEffect(commit, {
      onSuccess: () => Effect.as(trouble.over("write entries"), "committed" as const),
      onFailure: (error) => Effect.as(trouble.report("write entries", error), "uncached" as const),
    })
  }

  const keep = (description: Description, head: Uint8Array | undefined): Effect.Effect<"committed" | "uncached"> =>
    spooler === undefined
      ? written(undefined, description, head)
      : Effect.flatMap(Effect.andThen(tape.wake, Fiber.join(spooler)), (spooled) => written(spooled, description, head))

  return { take, keep }
}
