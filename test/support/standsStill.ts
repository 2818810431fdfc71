import { Effect, Schedule } from "effect"

/** Waits, for at most 20 seconds, until `count` is above zero and the same at four looks in a row. */
export const standsStill = (count: () => number) =>
  Effect.suspend(() => {
    let last = 0
    let same = 0
    const look = Effect.sync(() => {
      const now = count()
      same = now > 0 && now === last ? same + 1 : 0
      last = now
      return same
    })
    return look.pipe(
      Effect.repeat({ until: (looks) => looks >= 3, schedule: Schedule.spaced("20 millis") }),
      Effect.timeout("60 seconds"),
      Effect.orDie,
    )
  })
