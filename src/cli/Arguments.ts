import { Effect } from "effect"
import { keyPrefix } from "../telemetry/Secrets.ts"
import { holdsSecret } from "../telemetry/Secrets.ts"
import { program } from "./Program.ts"
import { UsageError } from "./UsageError.ts"

/** Fails where an argument is what must not be said again: a key or the admin token, for which no command asks. */
export const refuseSecrets = (args: ReadonlyArray<string>): Effect.Effect<void, UsageError> => {
  const secret = args.find(holdsSecret)
  if (secret === undefined) return Effect.void
  return new UsageError({
    message: secret.includes(keyPrefix)
      ? `This is the key itself; give its id, key_…, which \`${program} keys list\` shows.`
      : "This is the admin token itself, which no command takes: set AVIARY_ADMIN_TOKEN.",
  })
}

/** `--expires-in "-5 days"` is a flag and its value; taken apart it is seven short flags. */
export const joinNegatives = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.flatMap((arg, index) => {
    const isValue = (at: number) => /^-\d/.test(args[at] ?? "") && /^--[^=]+$/.test(args[at - 1] ?? "")
    return isValue(index) ? [] : isValue(index + 1) ? [`${arg}=${args[index + 1]}`] : [arg]
  })
