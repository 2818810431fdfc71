import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { parseRestartTarget } from "../../src/health/RestartTarget.ts"

const parse = (value: string) => parseRestartTarget("AVIARY_PARAKEET_RESTART", value)

it.effect("none, a container, a program with its arguments as they are", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* parse("none"), { kind: "none" })
    assert.deepStrictEqual(yield* parse("docker:parakeet_1.nim-a"), { kind: "docker", container: "parakeet_1.nim-a" })
    assert.deepStrictEqual(yield* parse('command:["ssh","spark","docker restart \\"a b\\"; true",""]'), {
      kind: "command",
      program: "ssh",
      args: ["spark", 'docker restart "a b"; true', ""],
    })
  }),
)

const bad = [
  "",
  "docker",
  "docker:",
  "docker:a/../../exec",
  "docker:a?b",
  "docker:a b",
  "docker:-a",
  `docker:${"a".repeat(256)}`,
  "command:",
  "command:ssh spark",
  "command:[]",
  'command:[""]',
  'command:["ssh",5]',
  'command:{"a":"b"}',
  'command:["a\\u0000b"]',
  "systemctl restart parakeet",
]

it.effect("anything else is refused in one line that names the setting, the value and what is accepted", () =>
  Effect.forEach(bad, (value) =>
    Effect.gen(function* () {
      const { message } = yield* Effect.flip(parse(value))
      assert.isTrue(message.startsWith(`AVIARY_PARAKEET_RESTART=${JSON.stringify(value)} is not valid: `), message)
      assert.include(message, 'it accepts none, docker:<container>, or command:["program","argument",…].')
      assert.notInclude(message, "\n")
    }),
  ),
)
