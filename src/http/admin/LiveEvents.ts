import { Effect, Stream } from "effect"
import { DeepHealth } from "../../health/DeepHealth.ts"
import type { EngineReport } from "../../health/EngineReport.ts"
import { Traffic } from "../../telemetry/Traffic.ts"

/** How often somebody who listens is told what is new. */
const every = "1 second"

/** After so many looks without news a comment says that the gateway is still there: proxies cut what is silent for a minute. */
const quiet = 15

const encoder = new TextEncoder()

/** JSON has no line breaks, which would end the event. */
const event = (name: string, data: unknown) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

/** An engine without its histories, which are asked for where they are shown. */
const brief = ({ changes: _c, probes: _p, restarts: _r, ...report }: EngineReport) => report

interface Told {
  readonly looks: number
  readonly request: number
  readonly underWay: string
  readonly history: number
  readonly engines: string
}

const nothing: Told = { looks: 0, request: 0, underWay: "", history: 0, engines: "" }

/** What happens, as server-sent events; each listener is told what is new to it. Ends when its fiber does. */
export const makeLiveEvents = Effect.gen(function* () {
  const traffic = yield* Traffic
  const deepHealth = yield* DeepHealth

  const look = Effect.fnUntraced(function* (told: Told) {
    const underWay = traffic.underWay()
    const recent = traffic.recent(told.request)
    const written = JSON.stringify(underWay)
    const history = traffic.history("10s", told.history)
    // The last stretch goes on and is told again, until it is over.
    const lastStretch = history.starts.at(-1) ?? told.history
    const engines = JSON.stringify((yield* deepHealth.status).map(brief))
    const news = [
      recent.length > 0 || written !== told.underWay ? event("requests", { underWay, recent }) : "",
      told.looks % 5 === 0 ? event("history", history) : "",
      engines === told.engines ? "" : `event: engines\ndata: {"engines":${engines}}\n\n`,
      told.looks % quiet === quiet - 1 ? ": still here\n\n" : "",
    ].join("")
    const request = recent.at(-1)?.number ?? told.request
    const next = { looks: told.looks + 1, request, underWay: written, engines }
    return [news, { ...next, history: told.looks % 5 === 0 ? lastStretch : told.history }] as const
  })

  return Stream.unfold(nothing, (told: Told) =>
    told.looks === 0 ? look(told) : Effect.andThen(Effect.sleep(every), look(told)),
  ).pipe(
    Stream.filter((news) => news !== ""),
    Stream.map((news) => encoder.encode(news)),
  )
})
