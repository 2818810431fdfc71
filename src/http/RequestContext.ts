import { Context, Effect, type Exit, Layer, Scope } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { AdminAccess } from "../contract/AdminAccess.ts"
import { KeyAccess, ListingAccess } from "../contract/KeyAccess.ts"

const having = <R>(context: Context.Context<R>, has: (key: string) => boolean): Context.Context<R> =>
  Context.makeUnsafe(new Map(Array.from(context.mapUnsafe).filter(([key]) => has(key))), { maxDepth: 16 })

const runHaving =
  (has: (key: string) => boolean) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.updateContext(effect, (context: Context.Context<R>) => having(context, has))

const isOfRequests = (key: string): boolean => !key.startsWith("aviary/")

/**
 * What of `context` a request runs with. Whatever handles requests takes the rooms' services when it is built, so no request carries
 * them: what it carries is copied whenever some values have been added to it, and with all of them that was half of all memory that a
 * request allocated.
 */
export const ofRequests = <R>(context: Context.Context<R>): Context.Context<R> => having(context, isOfRequests)

/** Runs an effect, and what it starts, with that much. */
export const asRequest = runHaving(isOfRequests)

/** `value`, with `finalizer` in the scope of the request. `Effect.addFinalizer` would copy what the request carries. */
export const whenOver = <A>(
  finalizer: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>,
  value: A,
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<Scope.Scope>) =>
    Effect.as(Scope.addFinalizerExit(Context.get(context, Scope.Scope), finalizer), value),
  )

/** What a group's layer needs beyond what its handlers take: who may use an endpoint. */
const needed = [AdminAccess, KeyAccess, ListingAccess, Scope.Scope, Layer.CurrentMemoMap]
const asGroup = runHaving((key) => needed.some((service) => service.key === key))

/** `HttpApiBuilder.group`, which adds all that it is built with to what each request carries; here that is no more than it needs. */
export const handlersOf: typeof HttpApiBuilder.group = (api, group, build) =>
  Layer.effectContext(
    Effect.contextWith((services: Context.Context<never>) => {
      const built = HttpApiBuilder.group(api, group, (handlers) => {
        const made = build(handlers)
        return (Effect.isEffect(made) ? Effect.provideContext(made, services) : made) as typeof made
      })
      return asGroup(Layer.build(built))
    }),
  )
