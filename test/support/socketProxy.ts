import { Deferred, Effect, Schema } from "effect"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

const program = fileURLToPath(new URL("../../docker/socket-proxy/proxy.ts", import.meta.url))

/** The proxy ended before it listened; `message` is what it said. */
class NotStarted extends Schema.TaggedError<NotStarted>()("NotStarted", { message: Schema.String }) {}

/** Runs `docker/socket-proxy` on a free port, in front of the socket of a Docker engine, for the containers named. */
export const startSocketProxy = Effect.fnUntraced(function* (
  socket: string,
  containers: ReadonlyArray<string>,
  onDemand: ReadonlyArray<string> = [],
) {
  const listening = yield* Deferred.make<string, NotStarted>()
  const ended = yield* Deferred.make<void>()
  let output = ""
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [program], {
        stdio: ["ignore", "pipe", "pipe"],
        env: { DOCKER_SOCKET: socket, CONTAINERS: containers.join(","), ON_DEMAND: onDemand.join(","), PORT: "0" },
      })
      const said = (text: string) => {
        output += text
        const port = /^port (\d+)/m.exec(output)?.[1]
        if (port !== undefined) Deferred.doneUnsafe(listening, Effect.succeed(port))
      }
      child.stdout.setEncoding("utf8").on("data", said)
      child.stderr.setEncoding("utf8").on("data", said)
      child.on("close", () => {
        Deferred.doneUnsafe(listening, Effect.fail(new NotStarted({ message: output })))
        Deferred.doneUnsafe(ended, Effect.void)
      })
      return child
    }),
    (child) =>
      Effect.suspend(() => {
        child.kill()
        return Deferred.await(ended)
      }),
  )
  const port = yield* Deferred.await(listening)
  return { port: Number(port), url: `http://127.0.0.1:${port}`, host: `tcp://127.0.0.1:${port}`, output: () => output }
})
