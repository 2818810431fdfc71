import { Clock, type Duration, Effect } from "effect"

/** `elapsedMillis` of a clock that is at hand. */
export const millisOf = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

/**
 * Milliseconds of the clock that nobody sets, of which only differences mean something. For everything that is to last a
 * while: by the time of day, what begins while the clock runs ahead does not end before that time comes again, and what is
 * under way when it is set ahead ends at once.
 */
export const elapsedMillis: Effect.Effect<number> = Effect.map(Clock.Clock, millisOf)

/** `self`, asked for again after `life` at the earliest. `Effect.cachedWithTTL` goes by the time of day. */
export const cachedFor = Effect.fnUntraced(function* <A, E, R>(
  self: Effect.Effect<A, E, R>,
  life: Duration.Input,
): Effect.fn.Return<Effect.Effect<A, E, R>> {
  const clock = yield* Clock.Clock
  const cached = yield* Effect.cachedWithTTL(Effect.provideService(self, Clock.Clock, clock), life)
  const passing: Clock.Clock = Object.create(clock, { currentTimeMillisUnsafe: { value: () => millisOf(clock) } })
  return Effect.provideService(cached, Clock.Clock, passing)
})
