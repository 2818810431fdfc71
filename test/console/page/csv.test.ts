import { expect, it } from "vitest"
import { csvOf } from "../../../src/console/page/csv.ts"

it("a table is what RFC 4180 says, and computes nothing", () => {
  expect(csvOf([["a", 'say "b", c', null, -1.5, "=1+1", "-x", "line\nbreak"]])).toBe(
    `a,"say ""b"", c",,-1.5,'=1+1,'-x,"line\nbreak"\r\n`,
  )
})
