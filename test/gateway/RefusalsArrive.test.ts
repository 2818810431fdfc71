/**
 * RefusalsArrive: a client that is refused in the middle of its upload gets the answer, once. A server that closes on
 * unread bytes resets the connection instead: the client sees a broken pipe, takes it for a failure of the network and
 * sends the whole recording again, and again; or it keeps a connection that is already gone, and its next request fails.
 * Shown with real clients, on loopback and on a link slow enough that the refusal overtakes most of the upload.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect, layer } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { execFile, spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { startProcess } from "../support/gatewayProcess.ts"
import { slowNetwork, withoutNetworks } from "../support/slowNetwork.ts"

const program = fileURLToPath(new URL("../support/refusals/clients.ts", import.meta.url))
const adminToken = "the operator's token of a test"

interface Attempt {
  readonly client: string
  readonly refusal: number
  readonly chunked?: boolean
  readonly status?: number
  readonly message: string
  readonly next?: number
}

const messages: Record<number, string> = {
  400: "The request body is not a well-formed multipart/form-data body, or it was cut off.",
  401: "Incorrect API key provided.",
  404: "Invalid URL",
  405: "Not allowed to PUT on /v1/audio/transcriptions. Allowed: POST.",
  413: "Maximum content size limit (2097152) exceeded",
  415: "Unsupported Content-Type. Send multipart/form-data.",
}

/** Runs every client against a gateway of its own, both `within` a network. */
const attempts = Effect.fnUntraced(function* (
  within: ReadonlyArray<string>,
  bytes: number,
  refusals: ReadonlyArray<number>,
) {
  const fs = yield* FileSystem.FileSystem
  const nowhere = "http://127.0.0.1:9"
  const gateway = yield* startProcess(
    {
      AVIARY_DATA_DIR: yield* fs.makeTempDirectoryScoped({ prefix: "aviary-test-" }),
      AVIARY_MAGPIE_URL: nowhere,
      AVIARY_PARAKEET_URL: nowhere,
      AVIARY_ACCESS: "keys",
      AVIARY_ADMIN_TOKEN: adminToken,
      AVIARY_UPLOAD_MAX_BYTES: "2 MiB",
    },
    [],
    within,
  )
  const printed = yield* Effect.callback<string>((resume) => {
    const [command, ...options] = [...within, process.execPath, program] as const
    const asked = [...options, gateway.url, adminToken, String(bytes), refusals.join(",")]
    const running = execFile(command, asked, (error, stdout, stderr) =>
      resume(error === null ? Effect.succeed(stdout) : Effect.die(`${error.message}\n${stderr}`)),
    )
    return Effect.sync(() => void running.kill())
  })
  const seen = printed
    .trim()
    .split("\n")
    .map((line): Attempt => JSON.parse(line))
  const handled = [...gateway.output().matchAll(/method=(?:POST|PUT) path=\/(?!admin)\S+ status=(\d+)/g)]
  return { seen, handled: handled.map(([, status]) => Number(status)) }
})

const numbers = (of: ReadonlyArray<number>) => of.toSorted((a, b) => a - b)

/** As with the network: left out where Python's clients are not installed, but never in CI. */
const withoutPython =
  process.env["CI"] === undefined && spawnSync("/usr/bin/python3", ["-c", "import httpx, requests"]).status !== 0

const seesAllOf = Effect.fnUntraced(function* (
  within: ReadonlyArray<string>,
  bytes: number,
  refusals: ReadonlyArray<number>,
) {
  const { seen, handled } = yield* attempts(within, bytes, refusals)
  const wrong = seen.filter(
    ({ refusal, status, message, next }) =>
      status !== refusal || !message.startsWith(messages[refusal]!) || next !== 200,
  )
  expect(wrong).toEqual([])
  expect([...new Set(seen.map(({ client }) => client))].join(", ")).toBe(
    "fetch, axios, node-fetch, openai, ai, http.client, requests, httpx",
  )
  // Nothing was sent twice.
  expect(numbers(handled)).toEqual(numbers(seen.map(({ refusal }) => refusal)))
})

layer(NodeServices.layer, { excludeTestServices: true })("RefusalsArrive", (it) => {
  it.effect.skipIf(withoutPython)("every client sees the refusal, once, and its next request succeeds", () =>
    seesAllOf([], 12_000_000, [413, 401, 404, 405, 415, 400]),
  )

  it.effect.skipIf(withoutPython || withoutNetworks)("on a link of 80 Mbit/s too", () =>
    Effect.flatMap(slowNetwork, (within) => seesAllOf(within, 2_500_000, [413, 401, 404])),
  )
})
