import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Runtime } from "effect"
import { TestConsole } from "effect/testing"
import { spawnSync } from "node:child_process"
import { runWith } from "../../src/cli/Cli.ts"

/** What a failing command line printed, and its exit status, on a machine where no gateway listens. */
const failing = (...args: ReadonlyArray<string>) => failingAt("1", args)

const failingAt = (port: string, args: ReadonlyArray<string>) => failingWith({ AVIARY_PORT: port }, args)

const failingWith = (settings: Record<string, string>, args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(runWith(args))
    return {
      out: (yield* TestConsole.logLines).join("\n"),
      err: (yield* TestConsole.errorLines).join("\n"),
      status: Runtime.getErrorExitCode(error),
    }
  }).pipe(
    Effect.provide(Layer.fresh(TestConsole.layer)),
    Effect.provide(NodeServices.layer),
    Effect.provide(
      ConfigProvider.layer(ConfigProvider.fromUnknown({ AVIARY_ADMIN_TOKEN: "the-operator-s-own", ...settings })),
    ),
  )

it.effect.each([
  [["accounts", "create"], "Missing required argument: name. See: aviary accounts create --help"],
  [["accounts", "create", " "], 'Invalid value for argument <name>: " ". Expected: 1 to 200 characters.'],
  [["accounts", "create", "x", "--overdraft", "-5"], "Expected: an amount from 0."],
  [["accounts", "top-up", "a", "--amount", "0"], "Expected: an amount above 0."],
  [["accounts", "top-up", "a", "--amount", "9999999999"], "Expected: an amount below 1000000000."],
  [["accounts", "adjust", "a", "--amount", "0", "--reason", "x"], "Expected: an amount other than 0."],
  [["accounts", "adjust", "a", "--amount", "1", "--reason", ""], "flag --reason. Expected: 1 to 200 characters."],
  [["accounts", "statement", "a", "--limit", "0"], "Expected: a whole number from 1 to 1000."],
  [["accounts", "change", "a"], "Say what to change"],
  [["accounts", "lst", "--json=false"], 'Unknown subcommand "lst" for "aviary accounts". Did you mean this? list. See'],
  [["keys", "create", "x", "--account", "a", "--requests-per-minute", "0"], "Expected: a whole number from 1."],
  [["keys", "create", "x", "--account", "a", "--monthly-cap=-1"], "Expected: an amount from 0."],
  [
    ["keys", "create", "x", "--account", "a", "--expires-in", "-5 days"],
    'flag --expires-in: "-5 days". Expected: a time',
  ],
  [["keys", "create", "x", "--account", "a", "--expires-in", "1970-01-01"], "1970-01-01 00:00:00Z is over."],
  [["keys", "revoke", "sk-aviary-abcdefgh"], "This is the key itself"],
  [["rates", "publish", "--speech=-1", "--transcription", "1"], "Expected: an amount from 0 to 10000."],
  [["rates", "publish", "--speech", "1", "--transcription", "1", "--from", "2126-02-31"], "Expected: a date such as"],
  [["rates", "withdraw", "x"], "Expected: a whole number from 1."],
])("%j is a usage error: one line on standard error, status 2", ([args, message]) =>
  Effect.gen(function* () {
    const { out, err, status } = yield* failing(...(args as ReadonlyArray<string>))
    expect(err).toContain(message)
    expect(err).toMatch(/^aviary: [^\n]*$/)
    expect(out).toBe("")
    expect(status).toBe(2)
  }),
)

it.effect("with --json an error is an object, on standard error too", () =>
  Effect.gen(function* () {
    const wrong = yield* failing("accounts", "create", "--json")
    expect(JSON.parse(wrong.err)).toEqual({
      error: { message: expect.stringContaining("Missing required argument"), code: "usage" },
    })
    expect(wrong).toMatchObject({ out: "", status: 2 })
    const alone = yield* failing("accounts", "list", "--json")
    expect(JSON.parse(alone.err)).toEqual({
      error: { message: expect.stringContaining("No gateway answers"), code: "no_gateway" },
    })
    expect(alone).toMatchObject({ out: "", status: 1 })
  }),
)

it.effect.each<[ReadonlyArray<string>]>([[[]], [["serve"]]])("%j serves, if its settings let it", ([args]) =>
  Effect.gen(function* () {
    const { err, status } = yield* failingAt("none", args)
    expect(err).toMatch(/^aviary: AVIARY_PORT="none" is not valid/)
    expect(status).toBe(1)
  }),
)

it.effect.each<[ReadonlyArray<string>]>([
  [[]],
  [["serve"]],
  [["nim", "--port", "0"]],
  [["keys", "list"]],
  [["engines", "list"]],
])("%j stops at a variable that is called like a setting and is none", ([args]) =>
  Effect.gen(function* () {
    const { err, status } = yield* failingWith({ AVIARY_ACESS: "keys" }, args)
    expect(err).toBe("aviary: AVIARY_ACESS is no setting. Did you mean AVIARY_ACCESS?")
    expect(status).toBe(1)
  }),
)

it("`npm -s start --` prints nothing of its own, and says how it wants to be called again", () => {
  const { status, stdout, stderr } = spawnSync("npm", ["-s", "start", "--", "keys", "revoke", "sk-aviary-abcdefgh"], {
    encoding: "utf8",
  })
  expect(stdout).toBe("")
  expect(stderr).toContain("which `npm start -- keys list` shows")
  expect(status).toBe(2)
})
