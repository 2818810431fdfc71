import { expect, it } from "@effect/vitest"
import { Bonjour, type Service } from "bonjour-service"
import { Deferred, Effect, Logger, Scope } from "effect"
import { createSocket, type Socket } from "node:dgram"
import { networkInterfaces } from "node:os"
import { announce, type Network } from "../../src/wyoming/Announcement.ts"

/** A socket on a free port of loopback. No multicast: machines without it have to pass as well. */
const socket = Effect.acquireRelease(
  Effect.callback<Socket>((resume) => {
    const opened = createSocket("udp4")
    opened.bind(0, "127.0.0.1", () => resume(Effect.succeed(opened)))
  }),
  (opened) =>
    Effect.sync(() => {
      try {
        opened.close()
      } catch {
        // Whoever had it has closed it.
      }
    }),
)

/** A network of two, each of whom sends to the other alone. */
const network = Effect.gen(function* () {
  const [ours, theirs] = [yield* socket, yield* socket]
  const side = (own: Socket, other: Socket): Network => ({
    ...{ socket: own, ip: "127.0.0.1", port: other.address().port },
    ...{ multicast: false, bind: false },
  })
  return { gateway: side(ours, theirs), home: side(theirs, ours) }
})

/** What looks for Wyoming, as Home Assistant does: what it finds, and what it is told has gone. */
const home = Effect.fnUntraced(function* (side: Network) {
  const [up, down] = [yield* Deferred.make<Service>(), yield* Deferred.make<Service>()]
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const bonjour = new Bonjour(side, () => {})
  const browser = bonjour.find({ type: "wyoming" })
  browser.on("up", (service: Service) => run(Deferred.succeed(up, service)))
  browser.on("down", (service: Service) => run(Deferred.succeed(down, service)))
  yield* Effect.addFinalizer(() => Effect.sync(() => bonjour.destroy()))
  return { up: Deferred.await(up), down: Deferred.await(down) }
})

it.live("is found by what looks for Wyoming, under a name of its own, and is gone for it with the gateway", () =>
  Effect.gen(function* () {
    const sides = yield* network
    const { down, up } = yield* home(sides.home)
    const gateway = yield* Scope.make()
    yield* Scope.provide(announce("0.0.0.0", 10_300, sides.gateway), gateway)
    const found = yield* up
    expect(found).toMatchObject({ type: "wyoming", protocol: "tcp", port: 10_300 })
    expect(found.name).toMatch(/^Aviary [0-9a-f]{8} 10300$/)
    expect(found.host).toMatch(/^aviary-[0-9a-f]{8}\.local$/)
    yield* Scope.close(gateway, yield* Effect.exit(Effect.void))
    expect((yield* down).name).toBe(found.name)
  }).pipe(Effect.scoped, Effect.timeout("1 minute")),
)

it.live("names the address that it listens on, and no other", () =>
  Effect.gen(function* () {
    const addresses = Object.values(networkInterfaces()).flatMap((all = []) => all.filter(({ internal }) => !internal))
    const heard = Effect.fnUntraced(function* (host: string) {
      const sides = yield* network
      const { up } = yield* home(sides.home)
      yield* announce(host, 10_300, sides.gateway)
      return (yield* up).addresses
    }, Effect.scoped)
    const hosts = [...addresses.map(({ address }) => address), "192.0.2.99"]
    const told = yield* Effect.forEach(hosts, heard, { concurrency: "unbounded" })
    expect(told).toEqual(hosts.map((host) => (host === "192.0.2.99" ? [] : [host])))
  }).pipe(Effect.timeout("1 minute")),
)

it.live("a network that cannot be told is a line of the log, not the end of the gateway", () => {
  const said = Deferred.makeUnsafe<string>()
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn") Deferred.doneUnsafe(said, Effect.succeed(String(message)))
  })
  return Effect.gen(function* () {
    const taken = yield* socket
    const { port } = taken.address()
    yield* announce("0.0.0.0", 10_300, { ip: "127.0.0.1", port, multicast: false, socket: createSocket("udp4") })
    expect(yield* Deferred.await(said)).toContain("The local network cannot be told of Wyoming")
  }).pipe(Effect.scoped, Effect.timeout("1 minute"), Effect.provide(Logger.layer([logger])))
})
