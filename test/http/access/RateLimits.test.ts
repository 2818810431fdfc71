import { expect, it } from "@effect/vitest"
import { goDuration } from "../../../src/http/access/RateLimits.ts"

it.each([
  [0, "0ms"],
  [11.2, "12ms"],
  [999, "999ms"],
  [1_000, "1s"],
  [59_001, "1m0s"],
  [360_000, "6m0s"],
  [3_661_000, "1h1m1s"],
])("%d milliseconds are written %s, as Go and OpenAI do", (millis, written) => {
  expect(goDuration(millis)).toBe(written)
})
