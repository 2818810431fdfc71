import { Duration, Option } from "effect"
import { Flag } from "effect/cli"

const pattern = /^(\d{4}-\d{2}-\d{2})(?:[T ]((?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?)(Z|[+-]\d{2}:\d{2}))?$/

/** Unix milliseconds of a date in UTC, or of a time with its zone. A day that its month does not have is none. */
export const instant = (written: string): Option.Option<number> => {
  const [, date, time = "00:00", zone = "Z"] = pattern.exec(written) ?? []
  if (date === undefined) return Option.none()
  // 2026-02-31 is read as 2026-03-03.
  const midnight = Date.parse(`${date}T00:00Z`)
  if (Number.isNaN(midnight) || new Date(midnight).toISOString().slice(0, 10) !== date) return Option.none()
  return Option.liftPredicate(Date.parse(`${date}T${time}${zone}`), (millis) => !Number.isNaN(millis))
}

/** A moment as a flag, in Unix milliseconds. */
export const timeFlag = (name: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("time"),
    Flag.filterMap(
      instant,
      () => "a date such as 2027-01-01, which begins in UTC, or a time such as 2027-01-01T00:00Z",
    ),
  )

/** When something ends, in Unix milliseconds, given what time it is. */
type Ending = (now: number) => number

const longest = Duration.days(36_500)

const ending = (written: string): Option.Option<Ending> => {
  const at = instant(written)
  if (Option.isSome(at)) return Option.some(() => at.value)
  return Option.map(
    Option.filter(Duration.fromInput(written as Duration.Input), (life) =>
      Duration.between(life, { minimum: Duration.millis(1), maximum: longest }),
    ),
    (life) => (now) => now + Duration.toMillis(life),
  )
}

/** How long something lasts, or when it ends, as a flag. */
export const endingFlag = (name: string) =>
  Flag.String(name).pipe(
    Flag.withMetavar("time"),
    Flag.filterMap(ending, () => 'a time from now such as "90 days", at most 36500, or a date such as 2027-01-01'),
  )

/** The UTC day of Unix milliseconds, for a person. */
export const day = (millis: number): string => new Date(millis).toISOString().slice(0, 10)

/** Unix milliseconds for a person, in UTC. */
export const time = (millis: number | null | undefined): string =>
  millis === null || millis === undefined ? "-" : `${new Date(millis).toISOString().slice(0, 19).replace("T", " ")}Z`
