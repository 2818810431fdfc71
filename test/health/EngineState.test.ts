import { expect, it } from "vitest"
import {
  type EngineEvent,
  type EngineState,
  next,
  isUsable,
  refusesRequests,
  takesRequests,
} from "../../src/health/EngineState.ts"

const states: ReadonlyArray<EngineState> = [
  "unknown",
  "healthy",
  "down",
  "suspect",
  "wedged",
  "restarting",
  "recovering",
  "exhausted",
  "stopped",
  "starting",
]
const events: ReadonlyArray<EngineEvent> = [
  "suspected",
  "passed",
  "wedged",
  "acquitted",
  "loading",
  "unreachable",
  "answered",
  "restarting",
  "restarted",
  "restartFailed",
  "spent",
  "restored",
  "gaveUp",
  "lost",
  "stopped",
  "stopFailed",
  "needed",
  "started",
  "startFailed",
]

/** One row per event in the order above, one column per state; a dot: nothing changes. */
const table = `
  suspected      suspect    suspect    suspect    .          .          .          .          .          .          .
  passed         healthy    .          healthy    healthy    healthy    .          healthy    healthy    healthy    .
  wedged         wedged     wedged     wedged     wedged     .          .          wedged     .          .          .
  acquitted      .          .          unknown    unknown    .          .          .          .          .          .
  loading        recovering recovering recovering recovering recovering .          .          recovering .          .
  unreachable    down       down       .          down       recovering .          .          recovering .          .
  answered       .          .          unknown    .          .          .          .          .          .          .
  restarting     restarting restarting restarting restarting restarting .          restarting restarting .          .
  restarted      .          .          .          .          .          recovering .          .          .          .
  restartFailed  .          .          .          .          .          wedged     .          .          .          .
  spent          .          .          .          .          exhausted  .          .          .          .          .
  restored       .          .          .          .          .          .          .          wedged     .          .
  gaveUp         .          .          .          .          .          .          wedged     .          .          .
  lost           .          .          .          .          .          .          down       .          .          .
  stopped        stopped    stopped    stopped    stopped    .          .          .          .          .          .
  stopFailed     .          .          .          .          .          .          .          .          unknown    .
  needed         .          .          .          .          .          .          .          .          starting   .
  started        .          .          .          .          .          .          .          .          .          recovering
  startFailed    .          .          .          .          .          .          .          .          .          down
`

it("every event does in every state what the table says", () => {
  const rows = events.map((event) =>
    [event, ...states.map((state) => (next(state, event) === state ? "." : next(state, event)))].join(" "),
  )
  expect(rows).toEqual(
    table
      .trim()
      .split("\n")
      .map((row) => row.trim().replace(/\s+/g, " ")),
  )
})

it("after a confirmed wedge requests pass again only by a probe that passes", () => {
  const doors = (["wedged", "restarting", "recovering", "exhausted"] as const).flatMap((state) =>
    events.filter((event) => takesRequests(next(state, event))).map((event) => `${state} ${event}`),
  )
  // `lost` is for an engine that was only loading: see `Healing`.
  expect(doors).toEqual(["wedged passed", "recovering passed", "recovering lost", "exhausted passed"])
})

it("an engine counts as usable where a request is expected to work", () => {
  expect(states.filter(isUsable)).toEqual(["unknown", "healthy"])
})

it("requests pass, wait or are refused", () => {
  expect(states.filter(takesRequests)).toEqual(["unknown", "healthy", "down"])
  expect(states.filter(refusesRequests)).toEqual(["wedged", "restarting", "recovering", "exhausted"])
})
