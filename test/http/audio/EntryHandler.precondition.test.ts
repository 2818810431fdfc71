import { Headers } from "effect/http"
import { expect, it } from "@effect/vitest"
import { evaluate, rangeApplies } from "../../../src/http/audio/EntryHandler.ts"

/** Made 700 ms after 08:49:37, a fraction that no HTTP date can tell. */
const validators = { etag: '"abc"', lastModified: Date.UTC(1994, 10, 6, 8, 49, 37, 700) }
const then = "Sun, 06 Nov 1994 08:49:37 GMT"
const before = "Sun, 06 Nov 1994 08:49:36 GMT"
const after = "Sun, 06 Nov 1994 08:49:38 GMT"

// RFC 9110, 13.1 and 13.2.2.
it.each([
  [{}, "serve"],
  [{ "if-match": '"abc"' }, "serve"],
  [{ "if-match": '"x", "abc"' }, "serve"],
  [{ "if-match": "*" }, "serve"],
  [{ "if-match": '"x"' }, "failed"],
  [{ "if-match": 'W/"abc"' }, "failed"],
  [{ "if-match": "abc" }, "failed"],
  [{ "if-unmodified-since": then }, "serve"],
  [{ "if-unmodified-since": before }, "failed"],
  [{ "if-unmodified-since": "yesterday" }, "serve"],
  [{ "if-match": '"abc"', "if-unmodified-since": before }, "serve"],
  [{ "if-none-match": '"abc"' }, "unchanged"],
  [{ "if-none-match": 'W/"abc"' }, "unchanged"],
  [{ "if-none-match": '"a,b" , W/"abc"' }, "unchanged"],
  [{ "if-none-match": "*" }, "unchanged"],
  [{ "if-none-match": '"x"' }, "serve"],
  [{ "if-none-match": '"x"', "if-modified-since": after }, "serve"],
  [{ "if-modified-since": then }, "unchanged"],
  [{ "if-modified-since": after }, "unchanged"],
  [{ "if-modified-since": before }, "serve"],
  [{ "if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT" }, "unchanged"],
  [{ "if-modified-since": "Sun Nov  6 08:49:37 1994" }, "unchanged"],
  [{ "if-modified-since": "2037" }, "serve"],
  [{ "if-match": '"x"', "if-none-match": '"abc"' }, "failed"],
  [{ "if-match": '"abc"', "if-none-match": '"abc"' }, "unchanged"],
] as const)("%j → %s", (headers, outcome) => {
  expect(evaluate(Headers.fromInput(headers), validators)).toBe(outcome)
})

// RFC 9110, 13.1.5.
it.each([
  [undefined, true],
  ['"abc"', true],
  ['"x"', false],
  ['W/"abc"', false],
  [then, false],
  [after, false],
])("If-Range: %s", (header, applies) => {
  const headers = Headers.fromInput(header === undefined ? {} : { "if-range": header })
  expect(rangeApplies(headers, validators)).toBe(applies)
})
