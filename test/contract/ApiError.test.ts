import { expect, it } from "vitest"
import { Errors } from "../../src/contract/Errors.ts"

it.each([
  [60_000, "60"],
  [1_001, "2"],
  [0, "1"],
])("Retry-After of %i ms is %s whole seconds, at least one", (millis, seconds) => {
  expect(Errors.engineLoading("speech-to-text").retryAfter(millis).headers).toEqual({ "retry-after": seconds })
})

it("headers add up and the rest stays", () => {
  const error = Errors.shuttingDown().allow(["GET", "HEAD"]).retryAfter(1_000)
  expect(error.headers).toEqual({ allow: "GET, HEAD", "retry-after": "1" })
  expect(error.envelope).toEqual(Errors.shuttingDown().envelope)
})
