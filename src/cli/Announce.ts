import { writeSync } from "node:fs"

/** The first word that is no flag, nor the value of one that `serve` takes. */
const commandOf = (args: ReadonlyArray<string>): string | undefined =>
  args.find((arg, index) => !arg.startsWith("-") && !/^--(config|port|host|data-dir)$/.test(args[index - 1] ?? ""))

/** Whether a command line starts something that takes seconds. */
const isSlow = (args: ReadonlyArray<string>): boolean =>
  ["serve", "nim", undefined].includes(commandOf(args)) &&
  !args.some((arg) => /^(-h|--help|-v|--version|--completions|--wizard)\b/.test(arg))

/** The first words of a process, before it has read the rest of its program: a slow machine takes seconds for that. */
export const announce = (args: ReadonlyArray<string>): void => {
  if (!isSlow(args)) return
  try {
    writeSync(1, "Aviary is starting …\n")
  } catch {
    // Nobody can be told. That is no reason not to start.
  }
}
