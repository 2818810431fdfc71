import { expect, it } from "vitest"
import { Errors } from "../../src/contract/Errors.ts"

it("a key given in place of its id is not repeated in the error, which says what to give instead", () => {
  expect(Errors.unknownKey("key_1").message).toBe("There is no key `key_1`.")
  const { message } = Errors.unknownKey("sk-aviary-abc")
  expect(message).toContain("This is the key itself. Give its id, `key_…`")
  expect(message).not.toContain("abc")
})
