import { Cause, Context, Duration, Effect, Fiber, Layer, Stream } from "effect"
import { createServer, type Server, type Socket } from "node:net"
import { cutStalledReaders } from "../http/StalledReaders.ts"
import { isLoopback, Settings, SettingsError } from "../Settings.ts"
import { announce } from "./Announcement.ts"
import { frameOf } from "./Frames.ts"
import type { Send } from "./Listening.ts"
import { makeSessions } from "./Session.ts"
import { ForgetfulSet } from "../collections/Forgetful.ts"

/** Connections at a time; satellites and Home Assistant have a handful. */
const mostConnections = 128

/** Waits until the system has taken what was written; a connection that has gone takes nothing, and its session is ended. */
const sendTo =
  (socket: Socket): Send =>
  (type, data, payload) =>
    Effect.callback<void>((resume) => {
      socket.write(frameOf(type, data, payload), (error) => {
        if (error === undefined || error === null) resume(Effect.void)
      })
    })

const listening = (server: Server, port: number, host: string) =>
  Effect.callback<number, SettingsError>((resume) => {
    server.once("error", (error) =>
      resume(
        Effect.fail(
          new SettingsError({
            message: `AVIARY_WYOMING_PORT=${port}: cannot listen on ${host}:${port}: ${error.message}`,
          }),
        ),
      ),
    )
    server.listen({ port, host }, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

const make = Effect.gen(function* () {
  const settings = yield* Settings
  const { host, wyomingPort } = settings
  if (wyomingPort === undefined) return WyomingServer.of({ port: undefined })
  if (settings.access === "keys" && settings.wyomingKey === undefined) {
    return yield* new SettingsError({
      message:
        "AVIARY_WYOMING_PORT is set and AVIARY_ACCESS=keys: say with AVIARY_WYOMING_KEY whose account pays, since the Wyoming protocol knows no keys.",
    })
  }
  const converse = yield* makeSessions
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const idleMillis = Duration.toMillis(settings.uploadTimeout)

  const fibers = new ForgetfulSet<Fiber.Fiber<void>>()

  const connected = (socket: Socket) => {
    const connection = { busy: false, left: () => socket.destroyed || socket.readableEnded }
    const closed = Effect.callback<void>((resume) => void socket.once("close", () => resume(Effect.void)))
    const input = Stream.fromAsyncIterable<Uint8Array, unknown>(
      socket.iterator({ destroyOnReturn: false }),
      (error) => error,
    )
    const session = converse(input, sendTo(socket), connection).pipe(
      Effect.raceFirst(closed),
      Effect.scoped,
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError("A Wyoming connection broke down", cause),
      ),
      Effect.ensuring(Effect.sync(() => socket.end(() => socket.destroy()))),
    )
    // A reset says the same as the close behind it.
    socket.on("error", () => {})
    socket.setTimeout(idleMillis, () => {
      if (!connection.busy) socket.destroy()
    })
    const fiber = run(session)
    const slot = fibers.add(fiber)
    fiber.addObserver(() => fibers.delete(slot))
  }

  const server = yield* Effect.acquireRelease(
    Effect.sync(() => createServer({ noDelay: true }, connected)),
    (opened) => Effect.callback<void>((resume) => void opened.close(() => resume(Effect.void))),
  )
  yield* Effect.addFinalizer(() => Fiber.interruptAll(fibers.members()))
  server.maxConnections = mostConnections
  yield* cutStalledReaders(server, settings.readerTimeout)
  const port = yield* listening(server, wyomingPort, host)
  yield* Effect.logInfo(`Wyoming is spoken on ${host}:${port}`)
  if (settings.wyomingZeroconf === "on" && !isLoopback(host)) yield* announce(host, port)
  return WyomingServer.of({ port })
})

/**
 * Home Assistant's protocol over TCP, beside HTTP: the same programs, cache, prices and limits. Off unless `AVIARY_WYOMING_PORT` is
 * set; `port` is the one it listens on.
 */
export class WyomingServer extends Context.Service<WyomingServer, { readonly port: number | undefined }>()(
  "aviary/wyoming/WyomingServer",
) {
  static readonly layer = Layer.effect(WyomingServer, make)
}
