import type { ServerResponse } from "node:http"
import { Clock, Context, Effect, Layer, type Scope } from "effect"
import { concerns, infers, type NimCall, type NimFault, type NimRoute, timesOf } from "./NimFault.ts"

/** Calls of one route since the server started: `finished` were answered whole, `aborted` lost their connection. */
export interface RouteCalls {
  readonly started: number
  readonly finished: number
  readonly aborted: number
}

/**
 * What has happened.
 *
 * @property working calls of the inference routes that the server is busy with now
 * @property restarts how often `restart` was called
 * @property lastFirstByteAt Unix time in milliseconds of the last inference answer's first byte; 0 before any
 */
export interface NimCalls {
  readonly routes: Readonly<Record<NimRoute, RouteCalls>>
  readonly working: number
  readonly restarts: number
  readonly lastFirstByteAt: number
}

interface Held {
  readonly fault: NimFault
  readonly since: number
  skip: number
  times: number
}

type Wedge = Extract<NimFault, { kind: "wedge" }>

// A gateway under test may run on another clock.
const realTime = Clock.Clock.defaultValue()

const engineOf = (route: NimRoute) => (route === "transcriptions" ? "transcription" : "speech")

const none = () => ({ started: 0, finished: 0, aborted: 0 })

const noCalls = () => ({
  list_voices: none(),
  synthesize: none(),
  synthesize_online: none(),
  transcriptions: none(),
  ready: none(),
})

const hold = (fault: NimFault): Held => ({
  fault,
  since: realTime.currentTimeMillisUnsafe(),
  skip: fault.skip ?? 0,
  times: timesOf(fault),
})

const alive = ({ fault, since, times }: Held) =>
  times > 0 &&
  !(
    fault.kind === "loading" &&
    fault.millis !== undefined &&
    realTime.currentTimeMillisUnsafe() >= since + fault.millis
  )

const make = () => {
  let held: Array<Held> = []
  const wedged = new Map<string, Wedge>()
  const open = new Set<ServerResponse>()
  const routes = noCalls()
  const counts = { working: 0, restarts: 0, lastFirstByteAt: 0 }

  const take = (call: NimCall): ReadonlyArray<NimFault> => {
    held = held.filter(alive)
    const hit: Array<NimFault> = []
    for (const one of held) {
      if (!concerns(one.fault, call)) continue
      if (one.skip > 0) one.skip--
      else {
        one.times--
        hit.push(one.fault)
      }
    }
    const engine = engineOf(call.route)
    for (const fault of hit) if (fault.kind === "wedge") wedged.set(engine, fault)
    const wedge = infers(call.route) ? wedged.get(engine) : undefined
    return wedge === undefined ? hit : [wedge, ...hit.filter(({ kind }) => kind !== "wedge")]
  }

  return NimFaults.of({
    set: (faults) => Effect.sync(() => void (held = faults.map(hold))),
    list: Effect.sync(() => (held = held.filter(alive)).map(({ fault }) => fault)),
    restart: (loadingMillis) =>
      Effect.sync(() => {
        counts.restarts++
        wedged.clear()
        for (const response of open) response.destroy()
        if (loadingMillis > 0) held.push(hold({ kind: "loading", millis: loadingMillis }))
      }),
    calls: Effect.sync(() => ({ routes: structuredClone(routes), ...counts })),
    take: (call) => Effect.sync(() => take(call)),
    track: (route, response) => {
      const inference = infers(route)
      return Effect.acquireRelease(
        Effect.sync(() => {
          routes[route].started++
          response.once("close", () => routes[route][response.writableFinished ? "finished" : "aborted"]++)
          if (!inference) return
          counts.working++
          open.add(response)
        }),
        () =>
          Effect.sync(() => {
            if (inference) counts.working--
            open.delete(response)
          }),
      )
    },
    firstByte: Effect.sync(() => void (counts.lastFirstByteAt = realTime.currentTimeMillisUnsafe())),
  })
}

/**
 * What goes wrong in a `NimServer`, and what it has been asked.
 *
 * - `set`: these faults instead of those before. A wedge that has struck stays.
 * - `restart`: as if the container were restarted: open calls are cut, the wedge is gone, the engine loads for so long.
 * - `take`: the faults that strike this call, used up by it.
 * - `track`, `firstByte`: the server's own bookkeeping of a call.
 */
export class NimFaults extends Context.Service<
  NimFaults,
  {
    readonly set: (faults: ReadonlyArray<NimFault>) => Effect.Effect<void>
    readonly list: Effect.Effect<ReadonlyArray<NimFault>>
    readonly restart: (loadingMillis: number) => Effect.Effect<void>
    readonly calls: Effect.Effect<NimCalls>
    readonly take: (call: NimCall) => Effect.Effect<ReadonlyArray<NimFault>>
    readonly track: (route: NimRoute, response: ServerResponse) => Effect.Effect<void, never, Scope.Scope>
    readonly firstByte: Effect.Effect<void>
  }
>()("aviary/nim/NimFaults") {
  static readonly layer = Layer.sync(NimFaults, make)
}
