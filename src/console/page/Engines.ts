import type { EngineTimeline } from "../../contract/AdminEnginesGroup.ts"
import type { ProbeReport, RestartReport, SuspectedRecording } from "../../health/EngineReport.ts"
import { useAsked } from "./asking.ts"
import { call } from "./call.ts"
import { ago, count, millis, moment } from "./format.ts"
import { html } from "./html.ts"
import { type LiveEngine, lostWords, useFeed } from "./feed.ts"
import { Notice, Pill, type Question, Table, Tile, useQuestion } from "./parts.ts"
import { Timeline } from "./Timeline.ts"

const post = <A>(path: string, json?: unknown) =>
  call<A>(path, json === undefined ? { method: "POST" } : { method: "POST", json })

const probe = (engine: string): Question => ({
  title: `Probe ${engine}?`,
  text: "One real inference is done, which takes a turn of the engine. If it shows a wedge, the engine is restarted within its budget.",
  button: "Probe",
  act: async () => {
    const { detail, durationMillis, outcome } = await post<ProbeReport>(`/admin/engines/${engine}/probe`)
    return `The probe ${outcome === "passed" ? "passed" : `found: ${outcome}`} after ${millis(durationMillis)}. ${detail}`
  },
})

const restart = ({ budget, engine }: LiveEngine): Question => ({
  title: `Restart ${engine}?`,
  text: `What it works on is lost. ${budget.left} of ${budget.limit} restarts are left for ${millis(budget.windowMillis)}; this takes one.`,
  button: "Restart",
  field: { label: "Why, for the log and the journal", value: "restarted in the console" },
  act: async (reason) => {
    const report = await post<RestartReport>(`/admin/engines/${engine}/restart`, { reason })
    return `It was ${report.outcome} after ${millis(report.durationMillis)}. ${report.detail} Now it loads its model and is probed.`
  },
})

const restore = ({ budget, engine }: LiveEngine): Question => ({
  title: `Give ${engine} its restarts back?`,
  text: `${budget.left} of ${budget.limit} are left. The limit keeps an engine that does not recover from being restarted for ever.`,
  button: "Give back",
  field: { label: "Why, for the log and the journal", value: "restored in the console" },
  act: async (reason) => {
    const { budget } = await post<LiveEngine>(`/admin/engines/${engine}/restore`, { reason })
    return `${budget.left} of ${budget.limit} restarts are left.`
  },
})

const Engine = ({ ask, engine }: { readonly ask: (question: Question) => void; readonly engine: LiveEngine }) => {
  const { budget, since, state, working } = engine
  const timeline = useAsked(
    () => call<EngineTimeline>(`/admin/engines/${engine.engine}/timeline`),
    [engine.engine, state, since],
  )
  return html`
    <article
      class=${`card engine ${state}`}
      aria-labelledby=${`engine-${engine.engine}`}
      data-engine=${engine.engine}
      data-state=${state}
    >
      <div class="row spread">
        <h2 id=${`engine-${engine.engine}`}>${engine.engine}</h2>
        <${Pill} kind=${state}>${state}</${Pill}>
      </div>
      <p>${engine.reason} <span class="quiet">since ${moment(since)}, ${ago(since)}</span></p>
      <dl class="tiles">
        <${Tile} name="Working" value=${count(working)} />
        <${Tile} name="Waiting" value=${count(engine.waiting)} />
        <${Tile}
          name="Restarts left"
          value=${`${budget.left} of ${budget.limit}`}
          hint=${`in ${millis(budget.windowMillis)}`}
        />
        <${Tile} name="Last recovery" value=${millis(engine.lastRecoveryMillis)} />
        <${Tile} name="Restarted by" value=${engine.backend} />
      </dl>
      <div class="row">
        <button type="button" onClick=${() => ask(probe(engine.engine))}>Probe …</button>
        <button type="button" onClick=${() => ask(restart(engine))}>Restart …</button>
        <button type="button" onClick=${() => ask(restore(engine))}>Restore budget …</button>
      </div>
      <${Notice} error=${timeline.error} />
      ${timeline.data === undefined ? html`<div class="timeline"></div>` : html`<${Timeline} timeline=${timeline.data} state=${state} again=${timeline.again} />`}
    </article>
  `
}

const Quarantine = ({ ask }: { readonly ask: (question: Question) => void }) => {
  const found = useAsked(
    () => call<{ readonly recordings: ReadonlyArray<SuspectedRecording> }>("/admin/quarantine"),
    [],
  )
  const recordings = found.data?.recordings ?? []
  const clear = (content?: string): Question => ({
    title: content === undefined ? "Clear the quarantine?" : "Forgive this recording?",
    text: "Recordings that were under way at two wedges are refused. One that is the cause will wedge the engine again.",
    button: "Clear",
    act: async () => {
      const { removed } = await call<{ readonly removed: number }>(
        `/admin/quarantine${content === undefined ? "" : `/${content}`}`,
        { method: "DELETE" },
      )
      found.again()
      return removed === 1 ? "1 recording was forgiven." : `${removed} recordings were forgiven.`
    },
  })
  return html`
    <section class="card">
      <div class="row spread">
        <h2>Quarantine</h2>
        <button type="button" disabled=${recordings.length === 0} onClick=${() => ask(clear())}>
          Clear quarantine …
        </button>
      </div>
      <${Notice} error=${found.error} />
      <${Table}
        caption="Recordings that were under way at a wedge"
        empty="None."
        head=${["Content (SHA-256)", "Wedges", "Last", "Kept until", ""]}
        rows=${found.data?.recordings.map(({ content, lastStrikeAt, strikes, untilMillis }) => [
          html`<code>${content.slice(0, 16)}…</code>`,
          strikes >= 2 ? `${strikes}, refused` : strikes,
          moment(lastStrikeAt),
          moment(untilMillis),
          html`<button type="button" class="small" onClick=${() => ask(clear(content))}>Forgive …</button>`,
        ])}
      />
    </section>
  `
}

/** Each engine's state, past and buttons. */
export const Engines = () => {
  const live = useFeed()
  const { connected, engines } = live
  const { ask, dialog } = useQuestion()
  return html`
    <div class="row spread">
      <h1>Engines</h1>
      <${Pill} kind=${connected ? "healthy" : "unknown"}>${connected ? "live" : "connecting …"}</${Pill}>
    </div>
    <${Notice} error=${lostWords(live)} />
    <div class="columns">
      ${engines.map((engine) => html`<${Engine} key=${engine.engine} engine=${engine} ask=${ask} />`)}
    </div>
    <${Quarantine} ask=${ask} />
    ${dialog}
  `
}
