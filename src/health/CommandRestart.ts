import { Duration, Effect, FileSystem, Path } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { HealthError, RestartFailed } from "./HealthError.ts"
import type { RestartBackend } from "./RestartBackend.ts"

/** Characters that a report keeps of a command's output, and as many of its errors: their ends, where the reason stands. */
const keptOutput = 1_000

/** Between SIGTERM and SIGKILL, and for what was killed to be gone; looked at in steps. */
const patienceMillis = 2_000
const stepMillis = 20

/**
 * Runs a program with its arguments exactly as they are, without a shell. Exit code 0 is a restart. At the time limit,
 * or when interrupted, the program and what it started get SIGTERM, and two seconds later SIGKILL. What it leaves in the
 * background is ended with it: an engine is to be started by a service manager, not by this process. What has left its
 * process group lives on, and holds nothing of this process: output goes to files, since a daemon dies of a pipe whose
 * reader is gone, and stands still before one that nobody reads.
 */
export const makeCommandRestart = Effect.fnUntraced(function* (
  command: { readonly program: string; readonly args: ReadonlyArray<string> },
  timeout: Duration.Duration,
) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const failed = (message: string, attempted: boolean) =>
    new HealthError({ reason: new RestartFailed({ message, attempted }) })
  const notStarted = (error: { readonly message: string }) =>
    failed(`The command ${command.program} cannot be started: ${error.message}`, false)

  const output = Effect.acquireRelease(
    Effect.map(fs.makeTempDirectory({ prefix: "aviary-restart-" }), (folder) => ({
      folder,
      out: path.join(folder, "out"),
      err: path.join(folder, "err"),
    })),
    ({ folder }) => Effect.ignore(fs.remove(folder, { recursive: true })),
  )

  const start = (files: { readonly out: string; readonly err: string }) =>
    Effect.callback<ChildProcess, HealthError>((resume) => {
      const descriptors = [files.out, files.err].map((file) => openSync(file, "w", 0o600))
      // Detached: a process group of its own, so that all of it can be ended.
      const child = spawn(command.program, command.args, {
        stdio: ["ignore", ...descriptors],
        env: withoutOurSettings(),
        detached: true,
      })
      for (const descriptor of descriptors) closeSync(descriptor)
      child.once("spawn", () => resume(Effect.succeed(child)))
      child.once("error", (error) => resume(notStarted(error)))
    })

  const run = Effect.gen(function* () {
    const files = yield* Effect.mapError(output, notStarted)
    const child = yield* Effect.acquireRelease(start(files), ({ pid }) => endGroup(pid!))
    const code = yield* ended(child)
    const texts = [yield* endOf(fs, files.err), yield* endOf(fs, files.out)].filter((text) => text !== "")
    const said = texts.length === 0 ? "it said nothing" : `it said: ${texts.join("\n")}`
    if (typeof code === "string")
      return yield* failed(`The command ${command.program} was ended by ${code}; ${said}`, true)
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

const ended = (child: ChildProcess) =>
  Effect.callback<number | NodeJS.Signals>((resume) => {
    const over = () => resume(Effect.succeed(child.exitCode ?? child.signalCode ?? 0))
    if (child.exitCode !== null || child.signalCode !== null) over()
    else child.once("exit", over)
  })

/** What a command wrote last. */
const endOf = (fs: FileSystem.FileSystem, file: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const handle = yield* fs.open(file, { flag: "r" })
      const size = Number((yield* handle.stat).size)
      // Four bytes are the longest character.
      const kept = Math.min(size, 4 * keptOutput)
      yield* handle.seek(BigInt(size - kept), "start")
      const bytes = yield* handle.readAlloc(kept)
      return bytes._tag === "Some" ? new TextDecoder().decode(bytes.value).slice(-keptOutput).trim() : ""
    }),
  ).pipe(Effect.orElseSucceed(() => ""))

/** Signals a process group; false where there is none any more. */
const signal = (group: number, name: NodeJS.Signals | 0) => {
  try {
    return process.kill(-group, name)
  } catch {
    return false
  }
}

/** Whether the process group is gone before `millis` have passed. */
const isGoneWithin = Effect.fnUntraced(function* (group: number, millis: number) {
  for (let waited = 0; waited < millis; waited += stepMillis) {
    if (!signal(group, 0)) return true
    yield* Effect.sleep(stepMillis)
  }
  return !signal(group, 0)
})

const endGroup = Effect.fnUntraced(function* (group: number) {
  for (const name of ["SIGTERM", "SIGKILL"] as const) {
    signal(group, name)
    if (yield* isGoneWithin(group, patienceMillis)) return
  }
})

/** The gateway's own settings hold secrets that a restart command has no need of. */
const withoutOurSettings = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("AVIARY_")))
