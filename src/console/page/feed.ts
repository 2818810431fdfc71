import { useEffect, useState } from "preact/hooks"
import type { EngineReport } from "../../health/EngineReport.ts"
import type { History, RequestReport, RequestUnderWay } from "../../telemetry/TrafficReport.ts"
import { CallError, onAnswer, request } from "./call.ts"
import { makeEventReader } from "./eventReader.ts"
import { timeOfDay } from "./format.ts"
import { joined } from "./histories.ts"
import { noAnswer } from "./session.ts"

/** An engine as `/admin/live` tells of it. */
export type LiveEngine = Omit<EngineReport, "changes" | "probes" | "restarts">

/** All that has been told since the page was opened. `connected` is whether it goes on. */
export interface Live {
  readonly connected: boolean
  /** Why it does not go on, and since when; undefined while it does. */
  readonly lost: { readonly why: string; readonly at: number } | undefined
  readonly engines: ReadonlyArray<LiveEngine>
  readonly underWay: ReadonlyArray<RequestUnderWay>
  readonly recent: ReadonlyArray<RequestReport>
  readonly history: History | undefined
}

const keptRequests = 200

let live: Live = { connected: false, lost: undefined, engines: [], underWay: [], recent: [], history: undefined }
const watchers = new Set<(live: Live) => void>()
let connection: AbortController | undefined
let retry: number | undefined
let waitMillis = 1_000

const change = (news: Partial<Live>) => {
  live = { ...live, ...news }
  for (const watcher of watchers) watcher(live)
}

const told = (name: string, data: string) => {
  if (name === "engines") change(JSON.parse(data) as Pick<Live, "engines">)
  if (name === "history") change({ history: joined(live.history, JSON.parse(data) as History) })
  if (name === "requests") {
    const { underWay, recent } = JSON.parse(data) as Pick<Live, "underWay" | "recent">
    const last = live.recent.at(-1)?.number ?? 0
    // Numbers begin anew with the gateway.
    const before = recent.some(({ number }) => number <= last) ? [] : live.recent
    change({ underWay, recent: [...before, ...recent].slice(-keptRequests) })
  }
}

const listen = async (signal: AbortSignal) => {
  const response = await request("/admin/live", { signal })
  const read = makeEventReader(told)
  // Everything is told anew.
  change({ connected: true, lost: undefined, recent: [], history: undefined })
  waitMillis = 1_000
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    read(value)
  }
}

const connect = () => {
  if (connection !== undefined || watchers.size === 0 || document.hidden) return
  const mine = (connection = new AbortController())
  const over = (error?: unknown) => {
    if (connection !== mine) return
    connection = undefined
    const why = error instanceof CallError ? error.message : noAnswer
    change({ connected: false, lost: { why, at: live.lost?.at ?? Date.now() } })
    retry = window.setTimeout(connect, waitMillis)
    waitMillis = Math.min(15_000, waitMillis * 2)
  }
  listen(mine.signal).then(() => over(), over)
}

const disconnect = () => {
  window.clearTimeout(retry)
  const before = connection
  connection = undefined
  before?.abort()
  if (live.connected) change({ connected: false })
}

/** What answers something else can tell, too: it is not left to say for up to a quarter of a minute that it does not answer. */
onAnswer(() => {
  if (live.lost === undefined || connection !== undefined) return
  window.clearTimeout(retry)
  connect()
})

document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()))

/** What is told while the page is seen; nothing is asked for while it is hidden, or nobody watches. */
export const useFeed = (): Live => {
  const [seen, setSeen] = useState(live)
  useEffect(() => {
    watchers.add(setSeen)
    connect()
    return () => {
      watchers.delete(setSeen)
      if (watchers.size === 0) disconnect()
    }
  }, [])
  return seen
}

/** What is said where the telling has stopped: what is shown beside it is old. */
export const lostWords = ({ lost }: Live): string | undefined =>
  lost === undefined ? undefined : `${lost.why} What is shown is of ${timeOfDay(lost.at)}. It is asked again and again.`
