import { Effect, Exit, FileSystem, Scope } from "effect"
import { Agent, request } from "node:http"
import { countedNim } from "./countedNim.ts"
import { type GatewayProcess, startProcess } from "./gatewayProcess.ts"
import { type Postgres, startPostgres } from "./postgres.ts"

/** How a request ended: `clean` is a whole answer with status 200; without a status nothing was answered. */
export interface Heard {
  readonly clean: boolean
  readonly status: number | undefined
  readonly cache: string | undefined
  readonly body: Buffer
  readonly millis: number
}

/** One request over a connection of `agent`; what breaks is told, not thrown. */
export const hear = (
  agent: Agent,
  url: string,
  {
    body,
    headers = {},
    method = "POST",
  }: {
    readonly body?: unknown
    readonly headers?: Record<string, string>
    readonly method?: string
  },
) =>
  new Promise<Heard>((resolve) => {
    const began = performance.now()
    const text = body === undefined ? undefined : JSON.stringify(body)
    const chunks: Array<Buffer> = []
    let [status, cache]: [number | undefined, string | undefined] = [undefined, undefined]
    const over = (clean: boolean) =>
      resolve({ clean, status, cache, body: Buffer.concat(chunks), millis: performance.now() - began })
    const sized =
      text === undefined
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }
    const asked = request(url, { agent, method, headers: { ...sized, ...headers } }, (response) => {
      status = response.statusCode
      cache = response.headers["x-cache"] as string | undefined
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", () => over(false))
      response.on("end", () => over(response.complete && status === 200))
    })
    asked.on("error", () => over(false))
    asked.end(text)
  })

const adminToken = "an operator's token of these tests"

/** A gateway of several, that can be killed and started again: as another process on the same data directory. */
export interface OneOfSeveral {
  readonly now: () => GatewayProcess
  readonly start: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
}

/**
 * Gateways as their users run them, on one PostgreSQL and one fake NIM, each with a data directory of its own. All go with the scope.
 */
export const startSeveral = Effect.fnUntraced(function* (
  count: number,
  settings: Record<string, string> = {},
  over: {
    readonly nim?: Pick<Effect.Success<ReturnType<typeof countedNim>>, "url">
    readonly server?: Postgres
    /** How the gateway with this number reaches the database. */
    readonly ownDatabase?: (index: number, url: string) => string
  } = {},
) {
  const fs = yield* FileSystem.FileSystem
  const nim = over.nim ?? (yield* countedNim())
  const server = over.server ?? (yield* startPostgres())
  const url = yield* server.database
  const name = url.split("/").at(-1)!
  const outer = yield* Effect.scope

  const one = Effect.fnUntraced(function* (index: number) {
    const dataDir = yield* fs.makeTempDirectoryScoped({ prefix: "aviary-several-" })
    let life: { readonly process: GatewayProcess; readonly scope: Scope.Closeable } | undefined
    const start = Effect.gen(function* () {
      const scope = yield* Scope.fork(outer)
      const process = yield* startProcess({
        AVIARY_DATA_DIR: dataDir,
        AVIARY_DATABASE_URL: over.ownDatabase?.(index, url) ?? url,
        AVIARY_DATABASE_WAIT: "1 minute",
        AVIARY_MAGPIE_URL: nim.url.href,
        AVIARY_PARAKEET_URL: nim.url.href,
        AVIARY_ADMIN_TOKEN: adminToken,
        AVIARY_LOG_LEVEL: "warn",
        ...settings,
      }).pipe(Scope.provide(scope))
      life = { process, scope }
    })
    yield* start
    return {
      now: () => life!.process,
      start,
      kill: Effect.suspend(() => Effect.andThen(life!.process.kill, Scope.close(life!.scope, Exit.void))),
    } satisfies OneOfSeveral
  })

  const gateways = yield* Effect.all(
    Array.from({ length: count }, (_, index) => one(index)),
    { concurrency: 3 },
  )
  const agent = yield* Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAlive: true })),
    (made) => Effect.sync(() => made.destroy()),
  )
  /** Asks gateway `index` as an operator; dies unless it answers well. */
  const admin = Effect.fnUntraced(function* (index: number, method: string, path: string, body?: unknown) {
    const heard = yield* Effect.promise(() =>
      hear(agent, gateways[index]!.now().url + path, {
        method,
        headers: { authorization: `Bearer ${adminToken}` },
        ...(body === undefined ? {} : { body }),
      }),
    )
    if (heard.status === undefined || heard.status >= 300)
      return yield* Effect.die(`${method} ${path}: ${heard.status} ${heard.body.toString()}`)
    return JSON.parse(heard.body.toString() || "null") as Record<string, never>
  })
  return {
    nim,
    server,
    url,
    gateways,
    agent,
    admin,
    sql: (text: string) => server.sql(`SET search_path = aviary; ${text}`, name),
  }
})

export type Several = Effect.Success<ReturnType<typeof startSeveral>>
