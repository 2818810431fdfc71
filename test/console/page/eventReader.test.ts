import { expect, it } from "vitest"
import { makeEventReader } from "../../../src/console/page/eventReader.ts"

it("events are read however the network cuts them, and comments are none", () => {
  const stream = 'event: engines\ndata: {"a":"b: c"}\n\n: still here\n\nevent: history\ndata: {}\n\n'
  for (let cut = 1; cut < stream.length; cut++) {
    const told: Array<[string, string]> = []
    const read = makeEventReader((name, data) => told.push([name, data]))
    read(stream.slice(0, cut))
    read(stream.slice(cut))
    expect(told).toEqual([
      ["engines", '{"a":"b: c"}'],
      ["history", "{}"],
    ])
  }
})
