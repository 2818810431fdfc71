import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, Console, Effect, Option } from "effect"
import { CliError, Command } from "effect/cli"
import { createRequire } from "node:module"
import { accounts } from "./accounts.ts"
import { cache } from "./cache.ts"
import { engines } from "./engines.ts"
import { keys } from "./keys.ts"
import { nim } from "./nim.ts"
import { rates } from "./rates.ts"
import { serve } from "./serve.ts"

const { version } = createRequire(import.meta.url)("../../package.json") as { readonly version: string }

const aviary = Command.make("aviary", {}, () => serve).pipe(
  Command.withDescription("One URL for speech. Without a command it serves; settings come from AVIARY_… variables."),
  Command.withSubcommands([accounts, keys, rates, engines, cache, nim]),
)

/** Reads the command line and does what it says. What goes wrong is one line on standard error and exit status 1. */
export const run: Effect.Effect<void, unknown> = Command.run(aviary, { version }).pipe(
  Effect.provide(NodeServices.layer),
  Effect.tapCause((cause) =>
    Cause.hasInterruptsOnly(cause) || isHelp(cause) ? Effect.void : Console.error(`aviary: ${oneLine(cause)}`),
  ),
)

/** The command line was wrong: what about it has been said already. */
const isHelp = (cause: Cause.Cause<unknown>): boolean =>
  Option.exists(Cause.findErrorOption(cause), (error) => CliError.isCliError(error) && error._tag === "ShowHelp")

const oneLine = (cause: Cause.Cause<unknown>): string => {
  const error = Option.getOrUndefined(Cause.findErrorOption(cause))
  return error instanceof Error && error.message !== "" ? error.message.split("\n", 1)[0]! : Cause.pretty(cause)
}
