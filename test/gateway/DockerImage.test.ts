/**
 * The image is built from `docker/Dockerfile` and run as `docker/compose.gateway.yaml` runs it: without root, without capabilities,
 * on a root that nobody can write. What fails there fails nowhere else: a file that was left out, a folder not its own.
 */
import { expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe } from "vitest"
import { audioDigest } from "../support/audioDigest.ts"
import { postSpeech } from "../support/aviary.ts"
import { importBase, root } from "../support/dockerBase.ts"
import { type DockerDaemon, skipsDocker, startDocker } from "../support/dockerDaemon.ts"
import { freePort } from "../support/freePort.ts"

const build = Effect.fnUntraced(function* (daemon: DockerDaemon) {
  yield* importBase(daemon, "base:test")
  const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].filter((name) => process.env[name] !== undefined)
  const args = ["BASE=base:test", "TOOLS=base:test", ...proxies].map((arg) => `--build-arg=${arg}`)
  const file = `--file=${join(root, "docker/Dockerfile")}`
  yield* daemon.docker("build", "--quiet", "--network=host", file, ...args, "--tag=aviary", root)
})

const start = Effect.fnUntraced(function* ({ docker }: DockerDaemon, name: string) {
  const port = yield* freePort
  yield* docker(
    ...["run", "--detach", `--name=${name}`, "--network=host", "--volume=data:/data"],
    ...["--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--init"],
    ...[`--env=AVIARY_PORT=${port}`, "--env=AVIARY_HOST=127.0.0.1", "aviary"],
  )
  const url = `http://127.0.0.1:${port}`
  yield* Effect.tryPromise(() => fetch(`${url}/health/live`)).pipe(
    Effect.filterOrFail(({ ok }) => ok),
    Effect.retry(Schedule.spaced("250 millis")),
    Effect.timeout("60 seconds"),
    Effect.orDie,
  )
  return url
})

const speak = Effect.fnUntraced(function* (url: string) {
  const answer = yield* postSpeech(url, { input: "The birds are singing in the morning.", response_format: "wav" })
  const bytes = yield* Effect.promise(() => answer.arrayBuffer())
  return { status: answer.status, cache: answer.headers.get("x-cache"), bytes: new Uint8Array(bytes) }
})

const transcribe = (url: string, bytes: Uint8Array<ArrayBuffer>, name: string) =>
  Effect.promise(async () => {
    const form = new FormData()
    form.set("model", "whisper-1")
    form.set("file", new Blob([bytes]), name)
    const answer = await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })
    return ((await answer.json()) as { readonly text?: string }).text?.toLowerCase()
  })

describe.skipIf(skipsDocker)("DockerImage", () => {
  it.live(
    "is built, and speaks, listens and keeps its data without root and on a read-only root",
    () =>
      Effect.gen(function* () {
        const daemon = yield* startDocker
        const { docker } = daemon
        const began = performance.now()
        yield* build(daemon)
        const size = Number(yield* docker("image", "inspect", "--format={{.Size}}", "aviary"))
        const based = Number(yield* docker("image", "inspect", "--format={{.Size}}", "base:test"))
        const mebibytes = Math.round((size - based) / 1_048_576)
        console.log(
          `image: built in ${Math.round((performance.now() - began) / 1_000)} s, ${mebibytes} MiB on its base`,
        )

        const url = yield* start(daemon, "first")
        const made = yield* speak(url)
        expect([made.status, made.cache]).toEqual([200, "MISS"])
        expect(yield* transcribe(url, made.bytes, "birds.wav")).toContain("birds are singing in the morning")
        // AAC takes ffmpeg, which nothing but the image brings.
        const aac = readFileSync(join(root, "test/support/audio/sense-and-sensibility-0930.m4a"))
        expect(yield* transcribe(url, new Uint8Array(aac), "clip.m4a")).toContain("made amiable himself")

        expect(yield* docker("exec", "first", "node", "-p", "`${process.getuid()} ${process.version}`")).toMatch(
          /^[1-9]\d* v26\./,
        )
        yield* docker("inspect", "--format={{.State.Health.Status}}", "first").pipe(
          Effect.repeat({ schedule: Schedule.spaced("1 second"), until: (status) => status === "healthy" }),
          Effect.timeout("60 seconds"),
        )
        yield* docker("stop", "first")
        expect(yield* docker("inspect", "--format={{.State.ExitCode}}", "first")).toBe("0")

        const again = yield* speak(yield* start(daemon, "second"))
        expect(again.cache).toBe("HIT")
        // The stream could not know its length, the entry says it.
        expect(audioDigest(again.bytes.buffer, "HIT")).toBe(audioDigest(made.bytes.buffer, "MISS"))
      }).pipe(Effect.scoped),
    600_000,
  )
})
