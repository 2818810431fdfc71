import { Effect, Schema } from "effect"
import { SettingsError } from "../Settings.ts"

/** What restarts an engine: nothing, the Docker Engine API, or a program with its arguments. */
export type RestartTarget =
  | { readonly kind: "none" }
  | { readonly kind: "docker"; readonly container: string }
  | { readonly kind: "command"; readonly program: string; readonly args: ReadonlyArray<string> }

/** Docker's own rule for names (moby, `daemon/names`), which also keeps a name from reaching another API path. */
const containerName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/

const Command = Schema.fromJsonString(
  Schema.NonEmptyArray(Schema.String.check(Schema.makeFilter((argument) => !argument.includes("\0")))),
)
const decodeCommand = Schema.decodeUnknownEffect(Command)

const accepts = 'it accepts none, docker:<container>, or command:["program","argument",…]'

/** Reads the value of `AVIARY_MAGPIE_RESTART` or `AVIARY_PARAKEET_RESTART`; `name` is for the message. */
export const parseRestartTarget = Effect.fnUntraced(function* (name: string, value: string) {
  const written = value.trim()
  const refuse = (why: string) =>
    new SettingsError({ message: `${name}=${JSON.stringify(value)} is not valid: ${why}; ${accepts}.` })

  if (written === "none") return { kind: "none" } satisfies RestartTarget
  if (written.startsWith("docker:")) {
    const container = written.slice("docker:".length)
    if (!containerName.test(container))
      return yield* refuse("the container's name may hold letters, digits, and _ . - after the first character")
    return { kind: "docker", container } satisfies RestartTarget
  }
  if (written.startsWith("command:")) {
    const [program, ...args] = yield* Effect.mapError(decodeCommand(written.slice("command:".length)), () =>
      refuse("what follows command: is no JSON list of strings"),
    )
    if (program.trim() === "") return yield* refuse("the program's name is empty")
    return { kind: "command", program, args } satisfies RestartTarget
  }
  return yield* refuse("it names no way to restart")
})
