import { expect, it } from "vitest"
import { Errors } from "../../src/contract/Errors.ts"

it("whoever names a key by its text is told what to give instead, and does not read it again", () => {
  expect(Errors.unknownKey("key_1").message).toBe("There is no key `key_1`.")
  const { message } = Errors.unknownKey("sk-aviary-abc")
  expect(message).toContain("This is the key itself. Give its id, `key_…`")
  expect(message).not.toContain("abc")
})
