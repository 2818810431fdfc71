import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { joinNegatives, refuseSecrets } from "../../src/cli/Arguments.ts"

it.effect("refuse a key or the admin token, wherever it stands, and do not repeat it", () =>
  Effect.gen(function* () {
    for (const args of [
      ["keys", "revoke", "sk-aviary-abcdefgh"],
      ["keys", "list", "--account=sk-aviary-abcdefgh"],
    ]) {
      const { message } = yield* Effect.flip(refuseSecrets(args))
      expect(message).toMatch(/^This is the key itself; give its id, key_…/)
      expect(message).not.toContain("abcdefgh")
    }
    const { message } = yield* Effect.flip(refuseSecrets(["accounts", "list", "aviary-admin-abcdefgh"]))
    expect(message).toContain("set AVIARY_ADMIN_TOKEN")
    expect(message).not.toContain("abcdefgh")
    yield* refuseSecrets(["keys", "revoke", "key_1"])
  }),
)

it("leave what begins with a digit below zero to the flag before it", () => {
  const args = ["keys", "create", "x", "--expires-in", "-5 days", "--monthly-cap=1", "-3", "--", "-5"]
  expect(joinNegatives(args)).toEqual([
    "keys",
    "create",
    "x",
    "--expires-in=-5 days",
    "--monthly-cap=1",
    "-3",
    "--",
    "-5",
  ])
})
