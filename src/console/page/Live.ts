import { useState } from "preact/hooks"
import type { History, RequestReport, RequestUnderWay } from "../../telemetry/TrafficReport.ts"
import { useAsked } from "./asking.ts"
import { call } from "./call.ts"
import { Chart } from "./Chart.ts"
import { useFind } from "./find.ts"
import { bytes, count, millis, percent, timeOfDay } from "./format.ts"
import { html } from "./html.ts"
import { type Live as LiveState, lostWords, useFeed } from "./feed.ts"
import { Notice, Pill, Table, Tile } from "./parts.ts"

type Column = keyof History["columns"]

const charts: ReadonlyArray<{
  readonly title: string
  readonly lines: ReadonlyArray<readonly [Column, string]>
  readonly write: (value: number) => string
  /** Counts become so many a minute, whatever the width of a stretch. */
  readonly perMinute?: true
}> = [
  {
    title: "Requests a minute",
    lines: [
      ["speeches", "speech"],
      ["transcriptions", "transcription"],
      ["requests", "all"],
    ],
    write: number,
    perMinute: true,
  },
  {
    title: "First audio",
    lines: [
      ["firstAudioP50", "half within"],
      ["firstAudioP95", "95 % within"],
    ],
    write: millis,
  },
  {
    title: "Whole answers",
    lines: [
      ["durationP50", "half within"],
      ["durationP95", "95 % within"],
    ],
    write: millis,
  },
  {
    title: "How speech was served, a minute",
    lines: [
      ["hits", "hit"],
      ["coalesced", "coalesced"],
      ["misses", "miss"],
      ["bypassed", "bypass"],
    ],
    write: number,
    perMinute: true,
  },
  {
    title: "Errors a minute",
    lines: [
      ["failures", "failed"],
      ["refusals", "refused"],
    ],
    write: number,
    perMinute: true,
  },
  { title: "Event loop late by", lines: [["loopDelay", "at most"]], write: millis },
  { title: "Event loop busy", lines: [["loopBusy", "share"]], write: percent },
  {
    title: "Memory",
    lines: [
      ["resident", "process"],
      ["heap", "objects"],
    ],
    write: bytes,
  },
]

function number(value: number): string {
  return value >= 10 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1)
}

const Charts = ({ history }: { readonly history: History }) => html`
  <div class="charts">
    ${charts.map(({ lines, perMinute, title, write }) => {
      const factor = perMinute === undefined ? 1 : 60_000 / history.widthMillis
      const drawn = lines.map(([column, name]) => ({
        name,
        values: history.columns[column].map((value) => (value === null ? null : value * factor)),
      }))
      return html`<${Chart} key=${title} title=${title} times=${history.starts} lines=${drawn} write=${write} />`
    })}
  </div>
`

const sum = (values: ReadonlyArray<number | null> | undefined) =>
  (values ?? []).reduce<number>((all, value) => all + (value ?? 0), 0)
const last = (values: ReadonlyArray<number | null> | undefined) => values?.findLast((value) => value !== null)

const Tiles = ({ history, underWay }: LiveState) => {
  const columns = history?.columns
  const served = sum(columns?.hits) + sum(columns?.coalesced) + sum(columns?.misses)
  return html`
    <dl class="tiles">
      <${Tile} name="Under way" value=${count(underWay.length)} />
      <${Tile} name="Requests, last hour" value=${count(sum(columns?.requests))} />
      <${Tile} name="First audio, 95 %" value=${millis(last(columns?.firstAudioP95))} />
      <${Tile}
        name="From the cache"
        value=${percent(served === 0 ? undefined : (served - sum(columns?.misses)) / served)}
        hint="hits and coalesced, last hour"
      />
      <${Tile} name="Failed, last hour" value=${count(sum(columns?.failures))} />
      <${Tile} name="Loop late by" value=${millis(last(columns?.loopDelay))} />
      <${Tile} name="Memory" value=${bytes(last(columns?.resident))} />
    </dl>
  `
}

const kindOf = ({ ended, status }: RequestReport) =>
  status >= 500 || ended === "aborted" ? "wedged" : status >= 400 || ended === "client left" ? "suspect" : "healthy"

const what = ({ method, route }: RequestUnderWay) => html`<code>${method} ${route}</code>`
const whose = ({ account, key }: RequestUnderWay) =>
  [account, key].filter((one) => one !== undefined).join(" / ") || "–"

const UnderWay = ({ underWay }: { readonly underWay: LiveState["underWay"] }) => html`
  <${Table}
    caption="Under way"
    head=${["Since", "Request", "Account / key", "Voice", "Id"]}
    empty="Nothing is under way."
    rows=${underWay.slice(0, 100).map((one) => [timeOfDay(one.at), what(one), whose(one), one.voice ?? "–", html`<code>${one.id}</code>`])}
  />
`

const Recent = ({ recent }: { readonly recent: LiveState["recent"] }) => {
  const { box, found } = useFind(recent.toReversed(), {
    label: "Find in the last 200",
    hint: "a key, a voice, a code, an id",
  })
  return html`
    ${box}
    <${Table}
      caption="The last requests, latest first"
      head=${["At", "Request", "Status", "x-cache", "First", "All", "Bytes", "Account / key", "Voice", "What went wrong"]}
      rows=${found.map((one) => [
        timeOfDay(one.at),
        what(one),
        html`<${Pill} kind=${kindOf(one)}>${one.status}${one.ended === "whole" ? "" : `, ${one.ended}`}</${Pill}>`,
        one.cache ?? "–",
        millis(one.firstMillis),
        millis(one.millis),
        bytes(one.bytes),
        whose(one),
        one.voice ?? "–",
        [one.code, one.why].filter((said) => said !== undefined).join(": ") || "–",
      ])}
    />
  `
}

const Codes = () => {
  const found = useAsked(
    () => call<{ readonly codes: ReadonlyArray<{ readonly code: string; readonly count: number }> }>("/admin/requests"),
    [],
  )
  const codes = found.data?.codes.toSorted((a, b) => b.count - a.count)
  return html`
    <${Notice} error=${found.error} />
    <${Table}
      caption="Errors since the start, by code"
      head=${["Code", "Times"]}
      empty="None."
      rows=${codes?.map(({ code, count: times }) => [html`<code>${code}</code>`, count(times)])}
    />
    <button type="button" class="small" onClick=${found.again}>Refresh</button>
  `
}

/** What the gateway does, as it does it. */
export const Live = () => {
  const live = useFeed()
  const [span, setSpan] = useState<"hour" | "day">("hour")
  const day = useAsked(
    async () => (span === "day" ? await call<History>("/admin/history?resolution=1m") : undefined),
    [span],
  )
  const history = span === "hour" ? live.history : day.data
  return html`
    <div class="row spread">
      <h1>Live</h1>
      <div class="row" role="group" aria-label="Span of the charts">
        <button type="button" class="small" aria-pressed=${span === "hour"} onClick=${() => setSpan("hour")}>
          Hour
        </button>
        <button type="button" class="small" aria-pressed=${span === "day"} onClick=${() => setSpan("day")}>Day</button>
        <${Pill} kind=${live.connected ? "healthy" : "unknown"}>${live.connected ? "live" : "connecting …"}</${Pill}>
      </div>
    </div>
    <${Notice} error=${lostWords(live) ?? day.error} />
    <${Tiles} ...${live} />
    ${history === undefined ? html`<div class="charts waiting"></div>` : html`<${Charts} key=${span} history=${history} />`}
    <section class="card"><${UnderWay} underWay=${live.underWay} /></section>
    <section class="card"><${Recent} recent=${live.recent} /></section>
    <section class="card"><${Codes} /></section>
  `
}
