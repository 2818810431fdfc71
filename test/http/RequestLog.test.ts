import { Cause } from "effect"
import { expect, it } from "vitest"
import { loggable } from "../../src/http/RequestLog.ts"

it("a cause is logged as it is, and as text without the key if it repeats one", () => {
  const harmless = Cause.die(new Error("the engine broke off"))
  expect(loggable(harmless)).toBe(harmless)
  const text = loggable(Cause.die(new Error("no route for /v1/sk-aviary-abc")))
  expect(text).toMatch(/^Error: no route for \/v1\/sk-aviary-…\n +at /)
})
