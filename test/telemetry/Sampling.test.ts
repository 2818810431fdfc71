import { Option, Tracer } from "effect"
import { expect, it } from "vitest"
import { samplerOf } from "../../src/telemetry/Sampling.ts"

const from = (traceId: string, sampled = true) =>
  Option.some(Tracer.externalSpan({ traceId, spanId: "b7ad6b7169203331", sampled }))
const early = "0af7651916cd43dd844000000000000f"
const late = "0af7651916cd43dd844fffffffffffff"

it("goes by the parent where it is to, and else by the share", () => {
  expect(samplerOf("parentbased_always_off", 1)(from(early))).toBe(true)
  expect(samplerOf("parentbased_always_on", 1)(from(early, false))).toBe(false)
  expect(samplerOf("parentbased_always_off", 1)(Option.none())).toBe(false)
  expect(samplerOf("always_off", 1)(from(early))).toBe(false)
  expect(samplerOf("always_on", 0)(Option.none())).toBe(true)
})

it("a ratio keeps the same traces at every gateway, and about its share of those that begin here", () => {
  const half = samplerOf("traceidratio", 0.5)
  expect([half(from(early)), half(from(late))]).toEqual([true, false])
  const kept = Array.from({ length: 10_000 }, () => half(Option.none())).filter(Boolean).length
  expect(kept).toBeGreaterThan(4_500)
  expect(kept).toBeLessThan(5_500)
  expect(samplerOf("parentbased_traceidratio", 0)(Option.none())).toBe(false)
})
