import { vi } from "vitest"

type Call = (this: unknown, ...of: ReadonlyArray<unknown>) => unknown

/** What a reader may copy and search with. */
const touching: ReadonlyArray<readonly [owner: object, names: ReadonlyArray<string>]> = [
  [Uint8Array.prototype, ["set", "slice", "indexOf", "includes"]],
  [Buffer.prototype, ["indexOf", "includes", "copy"]],
  [Buffer, ["concat", "copyBytesFrom"]],
]

/** Bytes that are copied or searched while `work` runs. */
export const bytesTouched = (work: () => void): number => {
  let touched = 0
  const count = (self: unknown, [first, from]: ReadonlyArray<unknown>) => {
    if (first instanceof Uint8Array) touched += first.length
    else if (Array.isArray(first)) for (const { length } of first as ReadonlyArray<Uint8Array>) touched += length
    else if (self instanceof Uint8Array) touched += self.length - (typeof from === "number" ? from : 0)
  }
  const watched = touching.flatMap(([owner, names]) =>
    names.map((name) => {
      const methods = owner as Record<string, Call>
      const call = methods[name]!
      return vi.spyOn(methods, name).mockImplementation(function (this: unknown, ...of) {
        count(this, of)
        return Reflect.apply(call, this, of)
      })
    }),
  )
  try {
    work()
  } finally {
    for (const spy of watched) spy.mockRestore()
  }
  return touched
}
