import { Duration, Effect, Option, Schema } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { EngineReport } from "../health/EngineReport.ts"
import { EngineId } from "../health/EngineId.ts"
import { adminFlags, asking } from "./AdminCommand.ts"
import { record, table } from "./Table.ts"
import { time } from "./Time.ts"

const decodeEngine: (written: string) => Option.Option<EngineId> = Schema.decodeUnknownOption(EngineId)
const engine = Argument.String("engine").pipe(
  Argument.filterMap(
    decodeEngine,
    (written: string) => `${written} is no engine: magpie or parakeet, or one of several such as parakeet-2`,
  ),
  Argument.withDescription("As `aviary engines list` has it: magpie, parakeet, or one of several such as parakeet-2"),
)
const reason = Flag.String("reason").pipe(Flag.withDescription("Why, for the log and the journal"))

/** A row each, and below them what may be long: why an engine is in its state, and what restarts it. */
const showEngines = (engines: ReadonlyArray<EngineReport>) => {
  const rows = engines.map((report) => {
    const probe = report.probes.at(-1)
    return [
      ...[report.engine, report.state, time(report.since), report.waiting, report.working],
      `${report.budget.left} of ${report.budget.limit}`,
      probe === undefined ? "none yet" : `${probe.outcome} ${time(probe.at)}`,
    ]
  })
  const shown = table(["engine", "state", "since", "waiting", "working", "restarts left", "last probe"], rows)
  const reasons = record(
    Object.fromEntries(
      engines.map(({ backend, engine, idleMillis, model, reason, url }) => [
        engine,
        [
          reason,
          `restarted by ${backend}`,
          ...(idleMillis === undefined
            ? []
            : [`stopped when nobody needs it for ${Duration.format(Duration.millis(idleMillis))}`]),
          `${model} ${url === undefined ? "inside the gateway" : `at ${url}`}`,
        ].join("; "),
      ]),
    ),
  )
  return `${shown}\n\n${reasons}`
}

const list = Command.make("list", adminFlags, (flags) =>
  asking(
    flags,
    (client) => client.adminEngines.list(),
    ({ engines }) => showEngines(engines),
  ),
).pipe(Command.withDescription("Show the state of all engines"))

/** What a probe found, but for one that passed. */
const findings: { readonly [O in EngineReport["probes"][number]["outcome"]]?: string } = {
  wedged: "it answers, but can no longer infer; only a restart helps",
  acquitted: "the probe could not tell whether it works",
  loading: "its model is not in memory yet",
  unreachable: "nobody listens at its address",
}

/** The engine did not do what was asked of it; the exit status is 1. */
class ProbeFailed extends Schema.TaggedError<ProbeFailed>()("ProbeFailed", {
  message: Schema.String,
  code: Schema.String,
}) {}

const probe = Command.make("probe", { engine, ...adminFlags }, ({ engine, ...flags }) =>
  Effect.gen(function* () {
    const { detail, outcome } = yield* asking(
      flags,
      (client) => client.adminEngines.probe({ params: { engine } }),
      ({ outcome, detail, attempts, durationMillis }) =>
        record({ outcome, detail, attempts, took: `${durationMillis} ms` }),
    )
    const finding = findings[outcome]
    if (finding === undefined) return
    return yield* new ProbeFailed({
      message: `${engine} is ${outcome}: ${finding} (${detail})`,
      code: `engine_${outcome}`,
    })
  }),
).pipe(Command.withDescription("Try an engine with real speech, now; exit status 0 only if it works"))

const restart = Command.make("restart", { engine, reason, ...adminFlags }, ({ engine, reason, ...flags }) =>
  asking(
    flags,
    (client) => client.adminEngines.restart({ params: { engine }, payload: { reason } }),
    ({ outcome, detail, backend, durationMillis }) =>
      record({ outcome, by: backend, detail, took: `${durationMillis} ms` }),
  ),
).pipe(Command.withDescription("Restart an engine, within the budget"))

const restore = Command.make("restore", { engine, reason, ...adminFlags }, ({ engine, reason, ...flags }) =>
  asking(
    flags,
    (client) => client.adminEngines.restore({ params: { engine }, payload: { reason } }),
    (report) => showEngines([report]),
  ),
).pipe(Command.withDescription("Give an engine all its restarts back"))

const quarantine = Command.make("quarantine", adminFlags, (flags) =>
  asking(
    flags,
    (client) => client.adminEngines.quarantine(),
    ({ recordings }) =>
      table(
        ["recording", "wedges", "last", "until"],
        recordings.map((one) => [one.content, one.strikes, time(one.lastStrikeAt), time(one.untilMillis)]),
      ),
  ),
).pipe(Command.withDescription("List recordings that were in flight at a wedge; from the second they are refused"))

const forgive = Command.make(
  "forgive",
  {
    recording: Argument.String("recording").pipe(
      Argument.withDescription("One of `aviary engines quarantine`; without it, all"),
      Argument.optional,
    ),
    ...adminFlags,
  },
  ({ recording, ...flags }) =>
    asking(
      flags,
      (client) =>
        Option.match(recording, {
          onSome: (content) => client.adminEngines.forgive({ params: { content } }),
          onNone: () => client.adminEngines.forgiveAll(),
        }),
      ({ removed }) => `Forgave ${removed} ${removed === 1 ? "recording" : "recordings"}.`,
    ),
).pipe(Command.withDescription("Let refused recordings in again"))

/** `aviary engines` */
export const engines = Command.make("engines").pipe(
  Command.withDescription("The engines of a running gateway"),
  Command.withSubcommands([list, probe, restart, restore, quarantine, forgive]),
)
