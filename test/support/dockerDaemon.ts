import { Deferred, Effect, Schedule, Schema } from "effect"
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process"
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"

/** Whether a Docker engine of one's own can be started here: its program is installed and one is root. */
const canRunDocker = process.getuid?.() === 0 && hasProgram("dockerd") && hasProgram("docker")

/** Tests that need a real engine are skipped on a machine without one, but never in CI. */
export const skipsDocker = !canRunDocker && process.env["CI"] !== "true"

function hasProgram(name: string) {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, name)))
}

/** Docker's command line ended with an error, or the engine did not start; `message` is what it said. */
export class DockerFailed extends Schema.TaggedError<DockerFailed>()("DockerFailed", { message: Schema.String }) {}

/**
 * A real Docker engine with nothing in it.
 *
 * @property host for `AVIARY_DOCKER_HOST`
 * @property docker runs Docker's command line on it and gives what that prints; fails with what it complains of
 * @property home a folder that is gone with the engine
 */
export interface DockerDaemon {
  readonly host: string
  readonly home: string
  readonly docker: (...args: ReadonlyArray<string>) => Effect.Effect<string, DockerFailed>
}

const dockerAt =
  (host: string) =>
  (...args: ReadonlyArray<string>) =>
    Effect.callback<string, DockerFailed>((resume) => {
      const running = execFile(
        "docker",
        ["-H", host, ...args],
        // Newer command lines build through a plugin that Debian does not install with them.
        { env: { ...process.env, DOCKER_BUILDKIT: "0" }, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) =>
          resume(
            error === null
              ? Effect.succeed(stdout.trim())
              : Effect.fail(
                  new DockerFailed({
                    message: `docker ${args.join(" ")}: ${`${stderr}\n${stdout}`.trim().slice(-4_000)}`,
                  }),
                ),
          ),
      )
      return Effect.sync(() => void running.kill())
    })

const isEnded = (child: ChildProcess) => child.pid === undefined || child.exitCode !== null || child.signalCode !== null

/**
 * Starts an engine on a socket and in folders of its own, without a network of its own: containers use the host's. Ends
 * with the scope, containers and mounts too.
 */
export const startDocker = Effect.gen(function* () {
  const home = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "aviary-docker-"))),
    (home) => Effect.sync(() => removeFolder(home)),
  )
  const host = `unix://${home}/docker.sock`
  const docker = dockerAt(host)
  const log = join(home, "log")
  const gone = yield* Deferred.make<void>()
  const daemon = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const output = openSync(log, "w")
      const child = spawn(
        "dockerd",
        [
          `--host=${host}`,
          `--data-root=${home}/data`,
          `--exec-root=${home}/exec`,
          `--pidfile=${home}/pid`,
          "--bridge=none",
          "--iptables=false",
          "--ip6tables=false",
        ],
        { stdio: ["ignore", output, output] },
      )
      child.on("close", () => Deferred.doneUnsafe(gone, Effect.void))
      child.on("error", () => Deferred.doneUnsafe(gone, Effect.void))
      return child
    }),
    (child) =>
      Effect.gen(function* () {
        const containers = yield* docker("ps", "--all", "--quiet")
        if (containers !== "") yield* docker("rm", "--force", "--volumes", ...containers.split("\n"))
      }).pipe(
        Effect.timeout("60 seconds"),
        Effect.ignore,
        Effect.andThen(Effect.sync(() => child.kill("SIGTERM"))),
        Effect.andThen(Effect.timeoutOption(Deferred.await(gone), "15 seconds")),
        Effect.andThen(Effect.sync(() => child.kill("SIGKILL"))),
      ),
  )

  const failed = () =>
    new DockerFailed({ message: `dockerd does not start:\n${readFileSync(log, "utf8").slice(-3_000)}` })
  yield* docker("version").pipe(
    Effect.retry({ schedule: Schedule.spaced("200 millis"), while: () => !isEnded(daemon) }),
    Effect.timeout("60 seconds"),
    Effect.mapError(failed),
    Effect.orDie,
  )
  return { host, home, docker } satisfies DockerDaemon
})

/** What a killed engine leaves mounted would keep its folder. */
function removeFolder(home: string) {
  const mounted = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${home}/`))
  for (const path of mounted.toReversed()) execFileSync("umount", ["--lazy", path])
  rmSync(home, { recursive: true, force: true })
}

/**
 * Copies programs of this machine into `folder`, at their places, each with the libraries that it needs, so that they run
 * with `folder` as their root.
 */
export function copyPrograms(folder: string, programs: ReadonlyArray<string>) {
  const copy = (path: string) => {
    const target = join(folder, path)
    if (existsSync(target)) return
    mkdirSync(dirname(target), { recursive: true })
    copyFileSync(realpathSync(path), target)
  }
  for (const program of programs) {
    copy(program)
    for (const library of librariesOf(program)) copy(library)
  }
}

/** The shared libraries of a program or library; a script has none. */
export function librariesOf(program: string): ReadonlyArray<string> {
  try {
    const listed = execFileSync("ldd", [program], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
    return Array.from(listed.matchAll(/(?:=> )?(\/\S+) \(0x/g), ([, path]) => path!)
  } catch {
    return []
  }
}

/** Makes the image `name` of a folder, without a registry; `changes` as in a Dockerfile. */
export const importFolder = Effect.fnUntraced(function* (
  daemon: DockerDaemon,
  folder: string,
  name: string,
  changes: ReadonlyArray<string> = [],
) {
  const archive = join(daemon.home, `${basename(folder)}.tar`)
  execFileSync("tar", ["-C", folder, "-cf", archive, "."])
  yield* daemon.docker("import", ...changes.map((change) => `--change=${change}`), archive, name)
  rmSync(archive)
})
