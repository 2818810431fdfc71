import * as NodeServices from "@effect/platform-node/NodeServices"
import { Cause, ConfigProvider, Effect, Exit } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"

/**
 * Runs one of the command line's commands in this process, with `environment` alone for settings. Gives what it printed,
 * and the message of the error that it ended with, if it did.
 */
export const runCommand = <const Name extends string, Input, E, R, C>(
  command: Command.Command<Name, Input, C, E, R>,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>>,
) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(Command.runWith(command, { version: "0" })(args))
    const printed = (yield* TestConsole.logLines).map(String).join("\n")
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    return { printed, error: error instanceof Error ? error.message : undefined }
  }).pipe(
    Effect.provide(TestConsole.layer),
    Effect.provide(NodeServices.layer),
    Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment))),
  )
