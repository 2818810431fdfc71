import { Effect, Schedule } from "effect"
import { mkdirSync, mkdtempSync, realpathSync } from "node:fs"
import { join } from "node:path"
import type { NimFault } from "../../src/nim/NimFault.ts"
import { root, systemLibraries } from "./dockerBase.ts"
import { copyPrograms, type DockerDaemon, type DockerFailed, importFolder } from "./dockerDaemon.ts"
import { freePort } from "./freePort.ts"
import { program } from "./gatewayProcess.ts"

/** The name of the image below. */
export const nimImage = "nim:test"

/** An image that holds the libraries this checkout needs and nothing else: Node and the checkout are mounted into it. */
export const importNimImage = Effect.fnUntraced(function* (daemon: DockerDaemon) {
  const folder = mkdtempSync(join(daemon.home, "nim-"))
  copyPrograms(folder, systemLibraries())
  for (const name of ["tmp", "usr/bin", "etc"]) mkdirSync(join(folder, name), { recursive: true })
  yield* importFolder(daemon, folder, nimImage)
})

/**
 * A container of Docker that is a NIM with a fault switch.
 *
 * @property set replaces its faults
 * @property startedAt when its process was started last, as Docker tells it
 */
export interface DockerNim {
  readonly name: string
  readonly url: string
  readonly set: (faults: ReadonlyArray<NimFault>) => Effect.Effect<void>
  readonly ready: Effect.Effect<void>
  readonly startedAt: Effect.Effect<string, DockerFailed>
}

/** Runs `aviary nim --faults` in a container `name`, and waits until it is ready. Its port stays when it is restarted. */
export const startDockerNim = Effect.fnUntraced(function* (daemon: DockerDaemon, name: string) {
  const port = yield* freePort
  const url = `http://127.0.0.1:${port}`
  yield* Effect.acquireRelease(
    daemon.docker(
      ...["run", "--detach", `--name=${name}`, "--network=host", "--read-only", "--tmpfs=/tmp"],
      ...[`--volume=${realpathSync(process.execPath)}:/usr/bin/node:ro`, `--volume=${root}:${root}:ro`],
      ...[nimImage, "/usr/bin/node", program, "nim", `--port=${port}`, "--faults"],
    ),
    () => Effect.ignore(daemon.docker("rm", "--force", name)),
  )
  const ready = Effect.tryPromise((signal) => fetch(`${url}/v1/health/ready`, { signal })).pipe(
    Effect.filterOrFail(({ ok }) => ok),
    Effect.timeout("2 seconds"),
    Effect.retry(Schedule.spaced("250 millis")),
    Effect.timeout("90 seconds"),
    Effect.asVoid,
    Effect.orDie,
  )
  yield* ready
  return {
    name,
    url,
    ready,
    set: (faults) =>
      Effect.promise(async () => {
        const answer = await fetch(`${url}/faults`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(faults),
        })
        if (!answer.ok) throw new Error(await answer.text())
      }),
    startedAt: daemon.docker("inspect", "--format={{.State.StartedAt}}", name),
  } satisfies DockerNim
})
