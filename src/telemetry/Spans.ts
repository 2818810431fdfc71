import { Clock, Context, Effect, type Fiber, Option, References, type Scope, Stream, Tracer } from "effect"

/** What a span says: numbers and names of the gateway's own, never what a client wrote or said. */
type Attributes = Readonly<Record<string, string | number>>

/**
 * Whether spans are made here: where traces are collected, but in no request that is not sampled. Nobody would see them, and a miss has twenty; such
 * a request has the one that goes on to the engine.
 */
export const isTraced = (fiber: Fiber.Fiber<unknown, unknown>): boolean =>
  fiber.getRef(References.TracerEnabled) &&
  Context.getOrUndefined(fiber.context as Context.Context<Tracer.ParentSpan>, Tracer.ParentSpan)?.sampled !== false

/**
 * `self` in a span of its own, and as it is where nothing is traced: `Effect.withSpan` makes one then as well, of no use, and notes
 * where it was called from.
 */
export const traced =
  (name: string, attributes: Attributes = {}) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      isTraced(fiber)
        ? Effect.useSpan(name, { attributes }, (span) =>
            Effect.withParentSpan(self, span, { captureStackTrace: false }),
          )
        : self,
    )

/** The same for all that a function answers. */
export const tracedFn =
  (name: string) =>
  <Args extends ReadonlyArray<unknown>, A, E, R>(made: (...args: Args) => Effect.Effect<A, E, R>) =>
  (...args: Args): Effect.Effect<A, E, R> =>
    traced(name)(made(...args))

/** The stream that `made` gives, in a span of its own where traces are collected. */
export const tracedStream =
  (name: string, attributes: Attributes) =>
  <A, E, R, E2, R2>(made: Effect.Effect<Stream.Stream<A, E, R>, E2, R2>) =>
    Stream.unwrap(
      Effect.withFiber<Stream.Stream<A, E | E2, R | Exclude<R2, Scope.Scope>>, E2, R2>((fiber) =>
        isTraced(fiber) ? Effect.succeed(Stream.withSpan(Stream.unwrap(made), name, { attributes })) : made,
      ),
    )

/** The span of the request, or whatever else began here, that the span at hand is a part of. */
const outermost = (context: Context.Context<never>): Tracer.Span | undefined => {
  let found: Tracer.Span | undefined
  let next = Context.getOption(context, Tracer.ParentSpan)
  while (Option.isSome(next) && next.value._tag === "Span") {
    found = next.value
    next = found.parent
  }
  return found
}

/** Says something of the span at hand and of the whole request; what a flight says is of the request that began it. */
export const tellTrace = (attributes: () => Attributes): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    if (!isTraced(fiber)) return Effect.void
    const here = Context.getOption(fiber.context, Tracer.ParentSpan)
    const whole = outermost(fiber.context)
    if (whole === undefined || Option.isNone(here) || here.value._tag !== "Span") return Effect.void
    for (const [key, value] of Object.entries(attributes())) {
      here.value.attribute(key, value)
      if (whole !== here.value) whole.attribute(key, value)
    }
    return Effect.void
  })

/** Says how many seconds of the request have passed. */
export const tellSeconds = (key: string): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    if (!isTraced(fiber)) return Effect.void
    const span = outermost(fiber.context)
    if (span === undefined) return Effect.void
    return Effect.map(Clock.currentTimeNanos, (now) =>
      span.attribute(key, Number(now - span.status.startTime) / 1_000_000_000),
    )
  })

/** A span from now to the end of the scope; undefined where nothing is traced. */
export const spanOfScope = (
  name: string,
  attributes: Attributes,
): Effect.Effect<Tracer.Span | undefined, never, Scope.Scope> =>
  Effect.withFiber<Tracer.Span | undefined, never, Scope.Scope>((fiber) =>
    isTraced(fiber) ? Effect.makeSpanScoped(name, { attributes }) : Effect.succeed(undefined),
  )
