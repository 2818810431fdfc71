import { Clock, Effect } from "effect"

/** Runs `test` by the test clock, but for the time of day, which `set` puts so many milliseconds ahead of it, or behind. */
export const withWallClock = <A, E, R>(test: (set: (millis: number) => void) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(Clock.Clock, (clock) => {
    let ahead = 0
    const now = () => clock.currentTimeMillisUnsafe() + ahead
    const wall: Clock.Clock = Object.create(clock, {
      currentTimeMillisUnsafe: { value: now },
      currentTimeMillis: { value: Effect.sync(now) },
    })
    return Effect.provideService(
      test((millis) => void (ahead = millis)),
      Clock.Clock,
      wall,
    )
  })
