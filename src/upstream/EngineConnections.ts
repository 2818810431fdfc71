import { Client, type Dispatcher } from "@effect/platform-node/Undici"
import { Effect, Scope } from "effect"
import type { Readable } from "node:stream"
import { ForgetfulSet, type Slot } from "../collections/Forgetful.ts"

/** What is asked of an engine; `path` from the root of its server. */
export interface Asked extends Pick<Dispatcher.DispatchOptions, "method" | "path"> {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array | Readable | null
}

/** Milliseconds before an engine gives up a connection that nobody uses, as it has said, from which on it is not used any more. */
const marginMillis = 1_000

/** An engine is not read any further while so many bytes of its answer wait, or have been taken and are still at work. */
const heldBytes = 262_144

/**
 * One call and its answer.
 *
 * - `change`: waits for news
 * - `status`, `headers`: of the answer, once its head has come
 * - `take`: the bytes that are there; undefined where there are none yet. Whoever takes or waits has done with what was taken before
 * - `ended`: `whole`, or why it broke off
 * - `breakOff`: ends it, unless it has ended
 */
export interface Exchange {
  readonly change: Effect.Effect<void>
  readonly status: () => number | undefined
  readonly header: (name: string) => string | undefined
  readonly take: () => readonly [Uint8Array, ...Array<Uint8Array>] | undefined
  readonly ended: () => "whole" | { readonly error: unknown } | undefined
  readonly breakOff: (error: unknown) => void
}

const abandoned = new Error("nobody waits for the answer any more")

/** Whether an engine keeps the connection after the answer, and says so for longer than a moment. */
const isKept = (header: Exchange["header"]) =>
  Number(/\btimeout=(\d+)/i.exec(header("keep-alive") ?? "")?.[1] ?? 0) * 1_000 > marginMillis

/** What has come of an answer, and whoever waits for more. `resume` is run where there is room again after there was none. */
const makeIncoming = (resume: () => void) => {
  let status: number | undefined
  let headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>> = {}
  let ended: ReturnType<Exchange["ended"]>
  let chunks: Array<Uint8Array> = []
  let held = 0
  let taken = 0
  let isFull = false
  let wake: (() => void) | undefined

  const readOn = () => {
    if (!isFull || held + taken > heldBytes) return
    isFull = false
    resume()
  }
  return {
    status: () => status,
    header: (name: string) => {
      const value = headers[name]
      return typeof value === "string" ? value : value?.join(", ")
    },
    ended: () => ended,
    head: (code: number, fields: typeof headers) => {
      status = code
      headers = fields
      wake?.()
    },
    /** Whether there is room for more. */
    add: (chunk: Uint8Array) => {
      chunks.push(chunk)
      held += chunk.length
      isFull = held + taken > heldBytes
      wake?.()
      return !isFull
    },
    end: (how: NonNullable<typeof ended>) => {
      ended ??= how
      wake?.()
    },
    take: () => {
      const [first, ...more] = chunks
      chunks = []
      taken = held
      held = 0
      readOn()
      return first === undefined ? undefined : ([first, ...more] as const)
    },
    /** Calls back once there is news, unless it is called off. */
    listen: (onNews: () => void) => {
      const known = status
      taken = 0
      readOn()
      const stop = () => void (wake = undefined)
      wake = () => {
        if (ended === undefined && chunks.length === 0 && status === known) return
        stop()
        onNews()
      }
      wake()
      return stop
    },
  }
}

/** Asks on a connection. `onEnd` is told whether the engine keeps it. */
const begin = (client: Client, asked: Asked, onEnd: (kept: boolean) => void): Exchange => {
  let controller: Dispatcher.DispatchController | undefined
  const incoming = makeIncoming(() => controller?.resume())
  let isLeft = false

  let isOver = false
  const end = (how: "whole" | { readonly error: unknown }) => {
    // Dropping the connection breaks its call off once more, at once and with an error of its own.
    if (isOver) return
    isOver = true
    onEnd(how === "whole" && isKept(incoming.header))
    incoming.end(how)
  }
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: (started) => {
      controller = started
      if (isLeft) started.abort(abandoned)
    },
    onResponseStart: (_, code, headers) => {
      if (code >= 200) incoming.head(code, headers)
    },
    onResponseData: (reading, chunk) => {
      if (!incoming.add(chunk)) reading.pause()
    },
    onResponseEnd: () => end("whole"),
    onResponseError: (_, error) => end({ error }),
  }
  try {
    client.dispatch({ ...asked, headersTimeout: 0, bodyTimeout: 0 }, handler)
  } catch (error) {
    end({ error })
  }

  const exchange: Exchange = {
    change: Effect.callback<void>((resume) => {
      const stop = incoming.listen(() => resume(Effect.void))
      return Effect.sync(stop)
    }),
    status: incoming.status,
    header: incoming.header,
    take: incoming.take,
    ended: incoming.ended,
    breakOff: (why) => {
      if (incoming.ended() !== undefined) return
      end({ error: why })
      isLeft = true
      controller?.abort(abandoned)
    },
  }
  return exchange
}

/**
 * The connections to one engine, which go with the scope.
 *
 * A call has one of its own, and after it the connection is closed, unless the engine has said for how long it keeps it: then it is used again
 * within that time. Of one without such a word nobody knows when the engine closes it: just as a call is written to it, it would look like a
 * dead engine, and the call must not be repeated, since it may be what killed it.
 */
export const makeEngineConnections = Effect.fnUntraced(function* (origin: string, connectMillis: number) {
  const idle: Array<Slot<Client>> = []
  const all = new ForgetfulSet<Client>()

  const drop = (connection: Slot<Client>) => {
    const at = idle.indexOf(connection)
    if (at !== -1) idle.splice(at, 1)
    const client = connection.member
    all.delete(connection)
    void client?.destroy()
  }

  const connect = () => {
    const client = new Client(origin, {
      connect: { timeout: connectMillis },
      keepAliveTimeoutThreshold: marginMillis,
    })
    const connection = all.add(client)
    // One that a call has been given already connects anew for it.
    client.on("disconnect", () => void (idle.includes(connection) && drop(connection)))
    return connection
  }

  yield* Effect.addFinalizer(() => Effect.sync(() => all.slots().forEach(drop)))

  /** The call is broken off with the scope. Until its end it is watched by `watch`, which answers how to end that. */
  return (asked: Asked, watch: (exchange: Exchange) => () => void): Effect.Effect<Exchange, never, Scope.Scope> =>
    Effect.uninterruptible(
      Effect.suspend(() => {
        const connection = idle.pop() ?? connect()
        let unwatch: (() => void) | undefined
        const exchange = begin(connection.member!, asked, (kept) => {
          unwatch?.()
          if (kept) idle.push(connection)
          else drop(connection)
        })
        if (exchange.ended() === undefined) unwatch = watch(exchange)
        const leave = Effect.sync(() => exchange.breakOff(abandoned))
        return Effect.as(
          Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, leave)),
          exchange,
        )
      }),
    )
})
