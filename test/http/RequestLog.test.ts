import { Cause } from "effect"
import { expect, it } from "vitest"
import { loggable, whyBroken } from "../../src/http/RequestLog.ts"

it("a cause is logged as it is, and as text without the key if it repeats one", () => {
  const harmless = Cause.die(new Error("the engine broke off"))
  expect(loggable(harmless)).toBe(harmless)
  const text = loggable(Cause.die(new Error("no route for /v1/sk-aviary-abc")))
  expect(text).toMatch(/^Error: no route for \/v1\/sk-aviary-…\n +at /)
})

it("an answer that was broken off is told in words on one line, without a stack and without keys", () => {
  const cause = Cause.combine(Cause.fail(new Error("the engine broke off")), Cause.die(new Error("sk-aviary-abc")))
  expect(whyBroken(cause)).toBe("the engine broke off; sk-aviary-…")
})
