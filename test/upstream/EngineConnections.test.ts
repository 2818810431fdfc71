import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Socket } from "node:net"
import { makeEngineConnections } from "../../src/upstream/EngineConnections.ts"
import { loopbackServer } from "../support/loopback.ts"
import { standsStill } from "../support/standsStill.ts"

it.live("an engine is read no further while much of its answer waits, or was taken and is at work", () =>
  Effect.gen(function* () {
    const all = 40_000_000
    let socket: Socket | undefined
    const { url } = yield* loopbackServer((request, response) => {
      ;({ socket } = request)
      response.writeHead(200).end(Buffer.alloc(all))
    })
    const call = yield* makeEngineConnections(url.origin, 5_000)
    const { change, ended, take } = yield* call({ method: "GET", path: "/", headers: {}, body: null }, () => () => {})
    const sent = standsStill(() => socket?.bytesWritten ?? 0)
    const taken = () => (take() ?? []).reduce((sum, { length }) => sum + length, 0)
    yield* sent
    const first = taken()
    expect(first).toBeGreaterThan(262_144)
    expect(first).toBeLessThanOrEqual(262_144 + 65_536)
    yield* sent
    expect(taken()).toBe(0)
    yield* sent
    let rest = taken()
    expect(rest).toBeGreaterThan(262_144)
    while (ended() === undefined) {
      yield* change
      rest += taken()
    }
    expect(first + rest + taken()).toBe(all)
  }).pipe(Effect.scoped),
)
