import type { EngineTimeline } from "../../contract/AdminEnginesGroup.ts"
import { millis, moment, timeOfDay } from "./format.ts"
import { html } from "./html.ts"
import { Pill, Table } from "./parts.ts"

const dayMillis = 86_400_000
const width = 1_000

type Event = EngineTimeline["events"][number]

/** The states of the last day, each from when it began until the next. */
const stretches = (events: ReadonlyArray<Event>, state: string, from: number, now: number) => {
  const changes = events.filter((event) => event.kind === "state")
  const found: Array<{ readonly state: string; readonly from: number; readonly to: number }> = []
  let [at, is] = [from, changes[0]?.from ?? state]
  for (const change of changes) {
    if (change.at > at) found.push({ state: is, from: at, to: change.at })
    at = Math.max(from, change.at)
    is = change.to ?? is
  }
  found.push({ state: is, from: at, to: now })
  return found
}

const wordsOf = (event: Event) =>
  event.kind === "state"
    ? `${event.from} → ${event.to}`
    : event.kind === "probe"
      ? `probe ${event.outcome}`
      : event.outcome

/** 24 hours of one engine: its states as bars, probes as marks below, restarts above. */
export const Timeline = (props: {
  readonly timeline: EngineTimeline
  readonly state: string
  readonly again: () => void
}) => {
  const { again, state, timeline } = props
  const now = timeline.now
  const from = Math.max(timeline.since, now - dayMillis)
  const x = (at: number) => ((Math.max(at, from) - from) / Math.max(1, now - from)) * width
  const events = timeline.events.filter(({ at }) => at >= from)
  const probes = events.filter(({ kind }) => kind === "probe")
  const restarts = events.filter(({ kind }) => kind === "restart")
  const recovered = timeline.recoveries.map(({ millis: took }) => millis(took)).join(", ")
  return html`
    <figure class="timeline">
      <svg
        viewBox=${`0 0 ${width} 44`}
        preserveAspectRatio="none"
        role="img"
        aria-label=${`States since ${moment(from)}: ${probes.length} probes, ${restarts.length} restarts`}
      >
        ${stretches(events, state, from, now).map((one) => html`<rect class=${one.state} x=${x(one.from)} y="10" width=${Math.max(1, x(one.to) - x(one.from))} height="22"><title>${one.state}, ${moment(one.from)} to ${moment(one.to)}</title></rect>`)}
        ${probes.map((one) => html`<rect class=${one.outcome === "passed" ? "probe" : "probe failed"} x=${Math.min(width - 3, x(one.at))} y="35" width="3" height="8"><title>probe ${one.outcome}, ${moment(one.at)}</title></rect>`)}
        ${restarts.map((one) => html`<rect class="restart" x=${Math.min(width - 5, x(one.at))} y="0" width="5" height="8"><title>${one.outcome}, ${moment(one.at)}</title></rect>`)}
      </svg>
      <figcaption><span>${moment(from)}</span><span>above: restarts · below: probes</span><span>now</span></figcaption>
      <div class="row">
        <span class="quiet"
          >${recovered === "" ? "No wedge has been recovered from." : `Recoveries took ${recovered}.`}</span
        >
        <button type="button" class="small" onClick=${again}>Refresh</button>
      </div>
      <details>
        <summary>${events.length} events</summary>
        <${Table}
          caption="What happened, latest first"
          head=${["When", "What", "Took", "Why"]}
          rows=${events
            .toReversed()
            .slice(0, 100)
            .map((event) => [
              timeOfDay(event.at),
              html`<${Pill} kind=${event.kind === "state" ? (event.to ?? "") : event.kind}>${wordsOf(event)}</${Pill}>`,
              millis(event.durationMillis),
              event.detail,
            ])}
        />
      </details>
    </figure>
  `
}
