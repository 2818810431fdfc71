import { expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { Command } from "effect/cli"
import { endingFlag, instant, time } from "../../src/cli/Time.ts"
import { runCommand } from "../support/commandLine.ts"

it.each([
  ["2027-01-01", "2027-01-01T00:00:00.000Z"],
  ["2027-01-01T00:00Z", "2027-01-01T00:00:00.000Z"],
  ["2027-01-01 06:30:15+02:00", "2027-01-01T04:30:15.000Z"],
  ["2028-02-29", "2028-02-29T00:00:00.000Z"],
])("reads %s as %s", (written, iso) => {
  expect(Option.map(instant(written), (millis) => new Date(millis).toISOString())).toEqual(Option.some(iso))
})

it.each(["2126-02-31", "2027-02-29T10:00Z", "2027-01-01 00:00", "2027-01-01T24:00Z", "2027-13-01", "1.1.2027", ""])(
  "refuses %j, which no calendar has or every machine would read in its own way",
  (written) => {
    expect(instant(written)).toEqual(Option.none())
  },
)

it.effect.each<[string, number]>([
  ["90 days", 90 * 86_400_000],
  ["1970-01-02", 86_400_000],
])("takes %s for an ending", ([written, millis]) =>
  Effect.gen(function* () {
    let ends = 0
    const command = Command.make("end", { at: endingFlag("at") }, ({ at }) => Effect.sync(() => void (ends = at(0))))
    expect((yield* runCommand(command, ["--at", written], {})).error).toBeUndefined()
    expect(ends).toBe(millis)
  }),
)

it.effect.each(["0 seconds", "-1 days", "Infinity", "999999999 days", "soon"])("takes %j for none", (written) =>
  Effect.gen(function* () {
    const command = Command.make("end", { at: endingFlag("at") }, () => Effect.die("it was taken"))
    expect((yield* runCommand(command, [`--at=${written}`], {})).error).toBe("Help requested")
  }),
)

it("writes times in UTC", () => {
  expect(time(Date.UTC(2026, 10, 21, 9, 5, 7))).toBe("2026-11-21 09:05:07Z")
  expect(time(null)).toBe("-")
})
