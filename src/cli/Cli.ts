import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Option, Predicate, Stdio } from "effect"
import { CliError, CliOutput, Command } from "effect/cli"
import { accounts } from "./accounts.ts"
import { joinNegatives, refuseSecrets } from "./Arguments.ts"
import { version } from "../telemetry/Version.ts"
import { cache } from "./cache.ts"
import { check } from "./check.ts"
import { engines } from "./engines.ts"
import { keys } from "./keys.ts"
import { ledger } from "./ledger.ts"
import { nim } from "./nim.ts"
import { program } from "./Program.ts"
import { rates } from "./rates.ts"
import { serve } from "./serve.ts"
import { settings } from "./settings.ts"
import { settingFlags } from "./SettingFlags.ts"
import { UsageError } from "./UsageError.ts"

const serving = Command.make("serve", settingFlags, serve).pipe(Command.withDescription("Serve, as without a command"))

const aviary = Command.make("aviary", settingFlags, serve).pipe(
  Command.withDescription(
    "One URL for speech. Without a command it serves; settings come from AVIARY_… variables, a file, or flags.",
  ),
  Command.withSubcommands([serving, check, accounts, keys, rates, engines, cache, settings, ledger, nim]),
)

/** Help and version go to standard output as ever; what is wrong with a command line is said once, by `report`. */
const presenter = CliOutput.layerPresenter({
  present: (event) => (event._tag === "InvalidInvocation" ? Effect.void : CliOutput.defaultPresenter.present(event)),
})

/**
 * Does what a command line says. What goes wrong is one line on standard error, with `--json` an object as the gateway's
 * errors are; the exit status is 2 if the command line was wrong, otherwise 1.
 */
export const runWith = (args: ReadonlyArray<string>): Effect.Effect<void, unknown, NodeServices.NodeServices> =>
  refuseSecrets(args).pipe(
    Effect.andThen(Command.runWith(aviary, { version })(joinNegatives(args))),
    Effect.catchIf(isInvalid, ({ errors, commandPath }) => usageError(errors, commandPath)),
    Effect.provide(presenter),
    Effect.tapCause((cause) =>
      Cause.hasInterruptsOnly(cause) || isHelp(cause) ? Effect.void : report(cause, args.includes("--json")),
    ),
  )

/** A reader that has gone (`| head`) or a full disk is no reason to end, nor for a stack trace: an unheard error would be both. */
const printOrNot = Effect.sync(() => {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})
})

/** Reads the command line and does what it says. */
export const run: Effect.Effect<void, unknown> = Stdio.Stdio.use(({ args }) => Effect.flatMap(args, runWith)).pipe(
  Effect.provide(NodeServices.layer),
  (program) => Effect.andThen(printOrNot, program),
)

const isShowHelp = (error: unknown): error is CliError.ShowHelp =>
  CliError.isCliError(error) && error._tag === "ShowHelp"

const isInvalid = (error: unknown): error is CliError.ShowHelp => isShowHelp(error) && error.errors.length > 0

/** A command that only has subcommands was named: its help was printed. */
const isHelp = (cause: Cause.Cause<unknown>): boolean => Option.exists(Cause.findErrorOption(cause), isShowHelp)

const usageError = (errors: ReadonlyArray<CliError.NonShowHelpErrors>, [, ...path]: ReadonlyArray<string>) => {
  // The flags that follow an unknown subcommand are unknown too.
  const unknown = errors.filter(({ _tag }) => _tag === "UnknownSubcommand")
  const problems = (unknown.length > 0 ? unknown : errors).map(({ message }) =>
    message.replace(/\s*\n\s*/, ". ").replace(/\s*\n\s*/g, " "),
  )
  return new UsageError({ message: `${problems.join("; ")}. See: ${[program, ...path].join(" ")} --help` })
}

const report = (cause: Cause.Cause<unknown>, json: boolean) => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  const message = error instanceof Error && error.message !== "" ? error.message : Cause.pretty(cause)
  const line = message.split("\n", 1)[0]!
  const code = Predicate.hasProperty(error, "code") && Predicate.isString(error.code) ? error.code : "failed"
  return Console.error(json ? JSON.stringify({ error: { message: line, code } }) : `aviary: ${line}`)
}
