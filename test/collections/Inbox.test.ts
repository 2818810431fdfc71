import { expect, it } from "vitest"
import { makeInbox } from "../../src/collections/Inbox.ts"

const bytes = (...of: ReadonlyArray<number>) => Uint8Array.from(of)

it("what was taken stays as it was, whatever comes behind it", () => {
  const inbox = makeInbox()
  inbox.add(bytes(1, 2))
  inbox.add(bytes(3))
  const first = inbox.take(2)
  for (let at = 0; at < 100; at++) inbox.add(bytes(4, 5, 6))
  const second = inbox.take(4)
  inbox.take(inbox.size())
  inbox.add(bytes(7, 8))
  expect([first, second, inbox.take(1)]).toEqual([bytes(1, 2), bytes(3, 4, 5, 6), bytes(7)])
})

it("a piece that comes alone is not copied, and not written to", () => {
  const piece = bytes(1, 2, 3, 0)
  const inbox = makeInbox()
  inbox.add(piece)
  expect(inbox.take(2).buffer).toBe(piece.buffer)
  inbox.add(bytes(9))
  expect([inbox.take(3), piece]).toEqual([bytes(3, 0, 9), bytes(1, 2, 3, 0)])
})

it("finds a line that comes in pieces, and what is next", () => {
  const inbox = makeInbox()
  inbox.add(bytes(65, 66))
  expect(inbox.lineLength()).toBe(-1)
  inbox.add(bytes(67, 10, 68))
  expect([inbox.lineLength(), inbox.peek(0), inbox.peek(2), inbox.size()]).toEqual([3, 65, 67, 5])
  inbox.take(4)
  expect([inbox.lineLength(), inbox.take(1)]).toEqual([-1, bytes(68)])
})
