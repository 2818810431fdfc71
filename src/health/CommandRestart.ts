import { Duration, Effect, Fiber, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { HealthError, RestartFailed } from "./HealthError.ts"
import type { RestartBackend } from "./RestartBackend.ts"

/** Characters that a report keeps of a command's output, and as many of its errors: their ends, where the reason stands. */
const keptOutput = 1_000

/** How long output may follow an exit: a program that was left running in the background may hold the pipe for ever. */
const outputGrace = Duration.seconds(1)

/**
 * Runs a program with its arguments exactly as they are, without a shell. Exit code 0 is a restart. At the time limit,
 * or when interrupted, the program and what it started get SIGTERM, and two seconds later SIGKILL. What it leaves in the
 * background is ended with it: an engine is to be started by a service manager, not by this process.
 */
export const makeCommandRestart = Effect.fnUntraced(function* (
  command: { readonly program: string; readonly args: ReadonlyArray<string> },
  timeout: Duration.Duration,
) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const failed = (message: string, attempted: boolean) =>
    new HealthError({ reason: new RestartFailed({ message, attempted }) })

  const run = Effect.gen(function* () {
    const child = yield* spawner
      .spawn(
        ChildProcess.make(command.program, command.args, {
          stdin: "ignore",
          env: withoutOurSettings(),
          extendEnv: true,
          forceKillAfter: "2 seconds",
        }),
      )
      .pipe(
        Effect.mapError((error) => failed(`The command ${command.program} cannot be started: ${error.message}`, false)),
      )

    // Apart, so that much of one does not push the end of the other out.
    const [out, err] = [yield* ending(child.stdout), yield* ending(child.stderr)]
    const code = yield* Effect.mapError(child.exitCode, (error) =>
      failed(`The command ${command.program} was ended: ${error.message}`, true),
    )
    yield* Effect.timeoutOption(Effect.andThen(Fiber.await(out.reading), Fiber.await(err.reading)), outputGrace)
    const texts = [err.text(), out.text()].filter((text) => text !== "")
    const said = texts.length === 0 ? "it said nothing" : `it said: ${texts.join("\n")}`
    if (code !== 0) return yield* failed(`The command ${command.program} ended with exit code ${code}; ${said}`, true)
    return `the command ${command.program} ended well; ${said}`
  })

  return {
    name: "command",
    // `kubectl rollout restart` or `systemctl --no-block` have only asked for it when they end.
    isSynchronous: false,
    restart: Effect.scoped(run).pipe(
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () =>
          Effect.fail(
            failed(
              `The command ${command.program} did not end within ${Duration.format(timeout)} and was killed`,
              true,
            ),
          ),
      }),
    ),
  } satisfies RestartBackend
})

/** Reads all of `output` in the background and keeps its end. */
const ending = Effect.fnUntraced(function* <E>(output: Stream.Stream<Uint8Array, E>) {
  let kept = ""
  const reading = yield* output.pipe(
    Stream.decodeText(),
    Stream.runForEach((text) => Effect.sync(() => void (kept = (kept + text).slice(-keptOutput)))),
    Effect.ignore,
    Effect.forkScoped,
  )
  return { reading, text: () => kept.trim() }
})

/** The gateway's own settings hold secrets that a restart command has no need of. */
const withoutOurSettings = () =>
  Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => name.startsWith("AVIARY_"))
      .map((name) => [name, undefined]),
  )
