import { Console, Duration, Effect, Fiber, Layer, Option, Queue, Schema } from "effect"
import { GlobalFlag } from "effect/cli"
import { createServer } from "node:net"
import { gateway } from "../Aviary.ts"
import { Hurry } from "../http/connection/NodeServer.ts"
import { address } from "../http/Server.ts"
import { LiveSettings } from "../LiveSettings.ts"
import { Settings } from "../Settings.ts"
import * as Log from "../telemetry/Log.ts"
import { exitNow } from "../workers/NativeCalls.ts"
import { type SettingFlags, withSettings } from "./SettingFlags.ts"
import { startBlock } from "./StartBlock.ts"
import { heedHangups, hurried, stopped } from "./StopSignals.ts"

/** The gateway cannot start; `message` says what to do. */
class StartError extends Schema.TaggedError<StartError>()("StartError", { message: Schema.String }) {}

/** Serves until the process is told to stop, and says where once it listens. `--log-level` comes before the setting. */
export const serve = (flags: SettingFlags) => withSettings(flags, serving)

const serving = Effect.gen(function* () {
  const { host, magpieUrl, parakeetUrl, port, shutdownGrace } = yield* Settings
  yield* canListen(host, port)
  if (magpieUrl === undefined || parakeetUrl === undefined) yield* Console.log("Loading the embedded engines …")
  // One that comes during the start is heeded after it.
  const hangups = yield* Queue.sliding<void>(1)
  yield* heedHangups(() => Queue.offerUnsafe(hangups, undefined))
  // Beside the start: one that hangs does not end when it is interrupted either.
  const watch = yield* Effect.forkDetach(Effect.andThen(stopped, endAfter(Duration.zero)))
  const context = yield* Layer.build(gateway).pipe(
    Effect.provideService(Log.Level, Option.getOrUndefined(yield* GlobalFlag.LogLevel)),
    Effect.provideService(Hurry, hurried),
    Effect.catchTag("ServeError", ({ cause }) => Effect.fail(notListening(host, port, cause))),
  )
  yield* Fiber.interrupt(watch)
  // Added last, so it runs first: the time begins when the process is told to stop.
  yield* Effect.addFinalizer(() => endAfter(shutdownGrace))
  return yield* Effect.gen(function* () {
    yield* Console.log(yield* startBlock(yield* address))
    const { reload } = yield* LiveSettings
    return yield* Effect.forever(Effect.andThen(Queue.take(hangups), Effect.ignore(reload)))
  }).pipe(Effect.provide(context))
}).pipe(Effect.scoped, Effect.provide(Settings.layer))

/** What cutting the last requests and closing everything may take. */
const lastMoments = Duration.seconds(10)

/**
 * From now on: ends the process if it is still there some moments after `grace`. A disk that answers no more could keep
 * it for a minute, with its clients connected. What it leaves is what a kill leaves, and the next start recovers from that.
 */
const endAfter = (grace: Duration.Duration) =>
  Effect.sleep(grace).pipe(
    Effect.raceFirst(hurried),
    Effect.andThen(Effect.sleep(lastMoments)),
    Effect.andThen(
      Console.error(
        `aviary: not everything could be closed within ${Duration.format(Duration.sum(grace, lastMoments))}; ending all the same`,
      ),
    ),
    Effect.andThen(Effect.sync(() => exitNow(1))),
    Effect.forkDetach,
  )

/** Fails at once where `port` cannot be had: loading the embedded engines first, and closing them again, takes many seconds. */
const canListen = (host: string, port: number) =>
  Effect.callback<void, StartError>((resume) => {
    const server = createServer()
    server.once("error", (cause) => resume(notListening(host, port, cause)))
    server.listen({ host, port }, () => server.close(() => resume(Effect.void)))
    return Effect.sync(() => server.close())
  })

const notListening = (host: string, port: number, cause: unknown) => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)
  const why: Record<string, string> = {
    EADDRINUSE: `port ${port} is taken. Stop what listens there, or set AVIARY_PORT to another (0 takes a free one).`,
    EACCES: `port ${port} may not be used by this user. Set AVIARY_PORT to one from 1024.`,
    EADDRNOTAVAIL: `${host} is no address of this machine. Set AVIARY_HOST to one that is, such as 127.0.0.1.`,
    ENOTFOUND: `${host} is no address of this machine. Set AVIARY_HOST to one that is, such as 127.0.0.1.`,
  }
  return new StartError({ message: `Cannot listen on ${host}:${port}: ${why[code] ?? code}` })
}
