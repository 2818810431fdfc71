import { Command } from "effect/cli"
import { adminFlags, asking } from "./AdminCommand.ts"
import { table, within } from "./Table.ts"

const listed = (names: ReadonlyArray<string>) => (names.length === 0 ? "nothing" : names.join(", "))

const reload = Command.make("reload", adminFlags, (flags) =>
  asking(
    flags,
    (client) => client.adminSettings.reload(),
    ({ changed, file, needsRestart }) =>
      file === null
        ? "There is no file to be read again: the gateway was started without --config."
        : `Read ${file} again.\nChanged: ${listed(changed)}.\nNot before a restart: ${listed(needsRestart)}.`,
  ),
).pipe(Command.withDescription("Read the file of --config again, as SIGHUP does"))

const list = Command.make("list", adminFlags, (flags) =>
  asking(
    flags,
    (client) => client.adminSettings.list(),
    ({ settings }) =>
      table(
        ["name", "value", "from", "changes"],
        settings
          .filter(({ origin }) => origin !== "default")
          .map(({ live, name, origin, secret, value }) => [
            ...[name, secret ? "set, hidden" : within(60, value ?? "")],
            ...[origin, live ? "while it runs" : "at a restart"],
          ]),
      ),
  ),
).pipe(Command.withDescription("List what is set, and where"))

/** `aviary settings` */
export const settings = Command.make("settings").pipe(
  Command.withDescription("The settings of a running gateway"),
  Command.withSubcommands([list, reload]),
)
