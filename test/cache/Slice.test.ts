import { expect, it } from "vitest"
import { withoutFirst } from "../../src/cache/Slice.ts"

it("pieces without their first bytes are what follows those, wherever they are cut", () => {
  const pieces = [Uint8Array.of(1, 2), Uint8Array.of(3), Uint8Array.of(4, 5, 6)]
  for (let bytes = 0; bytes <= 7; bytes++)
    expect(withoutFirst(pieces, bytes).flatMap((piece) => [...piece])).toEqual([1, 2, 3, 4, 5, 6].slice(bytes))
})
