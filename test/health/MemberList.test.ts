import { expect, it } from "vitest"
import { itemsOf, optionOf } from "../../src/health/MemberList.ts"

it("commas part members and white space parts words, on one line or on several", () => {
  expect(itemsOf("http://a:9000, http://b:9000 protocol=openai\n  concurrency=2,\nhttp://c")).toEqual([
    ["http://a:9000"],
    ["http://b:9000", "protocol=openai", "concurrency=2"],
    ["http://c"],
  ])
})

it("within brackets and quotes both stand for themselves", () => {
  expect(itemsOf('http://a restart=command:["ssh", "a b,c", "]"] idle="5 minutes",http://b')).toEqual([
    ["http://a", 'restart=command:["ssh", "a b,c", "]"]', 'idle="5 minutes"'],
    ["http://b"],
  ])
})

it("nothing between commas is no member", () => {
  expect(itemsOf(" , ,http://a,, ")).toEqual([["http://a"]])
  expect(itemsOf("")).toEqual([])
})

it("an option is a name and a value, with or without quotes", () => {
  expect(optionOf("model=parakeet=v3")).toEqual(["model", "parakeet=v3"])
  expect(optionOf('idle="5 minutes"')).toEqual(["idle", "5 minutes"])
  expect(optionOf('key="a\\"b"')).toEqual(["key", 'a"b'])
  expect(optionOf("alone")).toEqual(["alone", ""])
})
