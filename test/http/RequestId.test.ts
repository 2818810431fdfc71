import { expect, it } from "vitest"
import { requestId } from "../../src/http/RequestId.ts"

it.each(["a", "550e8400-e29b-41d4-a716-446655440000", "req_1.2:3", "x".repeat(64)])(
  "keeps the client's %s",
  (given) => {
    expect(requestId(given)).toBe(given)
  },
)

it.each([undefined, "", "x".repeat(65), "a b", "a\tb", "ü", "<script>", "a\r\nx: y", "sk-aviary-abc"])(
  "replaces %j",
  (given) => {
    expect(requestId(given)).toMatch(/^req_[0-9a-f]{32}$/)
  },
)

it("never repeats itself", () => {
  expect(requestId(undefined)).not.toBe(requestId(undefined))
})
