import { Console, Duration, Effect, Layer, Schema } from "effect"
import { gateway } from "../Aviary.ts"
import { address } from "../http/Server.ts"
import { Settings } from "../Settings.ts"
import { exitNow } from "../workers/NativeCalls.ts"
import { startBlock } from "./StartBlock.ts"

/** The gateway cannot start; `message` says what to do. */
class StartError extends Schema.TaggedError<StartError>()("StartError", { message: Schema.String }) {}

/** Serves until the process is told to stop, and says where once it listens. */
export const serve = Effect.gen(function* () {
  const { host, port, shutdownGrace } = yield* Settings
  const context = yield* Layer.build(gateway).pipe(
    Effect.catchTag("ServeError", ({ cause }) => Effect.fail(notListening(host, port, cause))),
  )
  // Added last, so it runs first: the time begins when the process is told to stop.
  yield* Effect.addFinalizer(() => Effect.forkDetach(endAfter(Duration.sum(shutdownGrace, lastMoments))))
  return yield* Effect.gen(function* () {
    yield* Console.log(yield* startBlock(yield* address))
    return yield* Effect.never
  }).pipe(Effect.provide(context))
}).pipe(Effect.scoped, Effect.provide(Settings.layer))

/** What cutting the last requests and closing everything may take. */
const lastMoments = Duration.seconds(10)

/**
 * Ends the process with status 1 if it is still there after `limit`. A disk that answers no more could keep it for a minute, with its
 * clients connected. What it leaves is what a kill leaves, and the next start recovers from that.
 */
const endAfter = (limit: Duration.Duration) =>
  Console.error(`aviary: not everything could be closed within ${Duration.format(limit)}; ending all the same`).pipe(
    Effect.andThen(Effect.sync(() => exitNow(1))),
    Effect.delay(limit),
  )

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
