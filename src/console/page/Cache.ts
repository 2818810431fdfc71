import { useState } from "preact/hooks"
import type { CacheEntry, CacheReport, CacheVoices } from "../../contract/AdminCacheGroup.ts"
import { useAsked } from "./asking.ts"
import { call, messageOf, query, request } from "./call.ts"
import { ago, bytes, count, millis, moment, money, percent } from "./format.ts"
import { html } from "./html.ts"
import { Notice, type Question, Table, Tile, useQuestion } from "./parts.ts"

interface Removed {
  readonly removed: number
}

const pageSize = 50

const Summary = ({
  report,
  voices,
}: {
  readonly report: CacheReport
  readonly voices: CacheVoices | undefined
}) => html`
  <dl class="tiles">
    <${Tile} name="Entries" value=${count(report.entries)} hint=${report.scanned ? undefined : "still counting"} />
    <${Tile}
      name="Size"
      value=${bytes(report.bytes)}
      hint=${`${percent(report.bytes / report.maxBytes)} of ${bytes(report.maxBytes)}`}
    />
    <${Tile} name="In memory" value=${bytes(report.memoryBytes)} hint=${`${count(report.memoryEntries)} entries`} />
    <${Tile} name="Evicted" value=${count(report.evicted)} />
    <${Tile} name="Found broken" value=${count(report.broken)} />
    ${
      voices === undefined
        ? null
        : html`<${Tile} name="Calls saved" value=${count(voices.savings.calls)} hint="31 days: hits and coalesced" />
            <${Tile}
              name="Not spent by clients"
              value=${money(voices.savings.amount, voices.currency)}
              hint="31 days, against misses"
            />`
    }
  </dl>
`

const Play = ({ entry }: { readonly entry: string }) => {
  const [url, setUrl] = useState<string | undefined>(undefined)
  const [error, setError] = useState<string | undefined>(undefined)
  const load = () => {
    request(`/admin/cache/entries/${entry}/audio`)
      .then((response) => response.blob())
      .then(
        (audio) => setUrl(URL.createObjectURL(audio)),
        (problem: unknown) => setError(messageOf(problem)),
      )
  }
  if (url !== undefined) return html`<audio controls autoplay src=${url} aria-label="The entry"></audio>`
  return html`<button type="button" class="small" onClick=${load}>Play</button><${Notice} error=${error} />`
}

const Entries = (props: {
  readonly ask: (question: Question) => void
  readonly voices: ReadonlyArray<string>
  readonly removed: () => void
  readonly round: number
}) => {
  const { ask, removed, round, voices } = props
  const [voice, setVoice] = useState("")
  const [order, setOrder] = useState("newest")
  const found = useAsked(
    () =>
      call<{ readonly entries: ReadonlyArray<CacheEntry>; readonly hasMore: boolean }>(
        `/admin/cache/entries${query({ voice, order, limit: pageSize })}`,
      ),
    [voice, order, round],
  )
  const remove = ({ key }: CacheEntry): Question => ({
    title: "Remove this entry?",
    text: "The next request for it is spoken by the engine again.",
    button: "Remove",
    act: async () => {
      await call<Removed>(`/admin/cache/entries/${key}`, { method: "DELETE" })
      removed()
      return "It was removed."
    },
  })
  return html`
    <div class="row">
      <label
        >Voice
        <select value=${voice} onChange=${(event: Event) => setVoice((event.target as HTMLSelectElement).value)}>
          <option value="">all</option>
          ${voices.map((name) => html`<option>${name}</option>`)}
        </select>
      </label>
      <label
        >Order
        <select value=${order} onChange=${(event: Event) => setOrder((event.target as HTMLSelectElement).value)}>
          <option value="newest">newest first</option>
          <option value="oldest">oldest first</option>
        </select>
      </label>
    </div>
    <${Notice} error=${found.error} />
    <${Table}
      caption=${found.data?.hasMore === true ? `The first ${pageSize} entries` : "Entries"}
      head=${["Made", "Voice", "Length", "Characters", "Size", "Kind", "Key", "", ""]}
      rows=${found.data?.entries.map((entry) => [
        html`<span title=${moment(entry.created)}>${ago(entry.created)}</span>`,
        entry.voice,
        millis(entry.durationMs),
        count(entry.characters),
        bytes(entry.length),
        entry.contentType,
        html`<code title=${entry.key}>${entry.key.slice(0, 12)}…</code>`,
        html`<${Play} entry=${entry.key} />`,
        html`<button type="button" class="small" onClick=${() => ask(remove(entry))}>Remove …</button>`,
      ])}
    />
  `
}

/** What was spoken once and is kept. */
export const Cache = () => {
  const [round, setRound] = useState(0)
  const { ask, dialog } = useQuestion()
  const report = useAsked(() => call<CacheReport>("/admin/cache"), [round])
  const voices = useAsked(() => call<CacheVoices>("/admin/cache/voices"), [round])
  const again = () => setRound(round + 1)
  const purge: Question = {
    title: "Remove all entries?",
    text: `${count(report.data?.entries)} entries are removed for good. Speech that is being made or sent goes on.`,
    button: "Remove all",
    act: async () => {
      const { removed } = await call<Removed>("/admin/cache/entries", { method: "DELETE" })
      again()
      return `${count(removed)} entries were removed.`
    },
  }
  const found = voices.data?.voices ?? []
  return html`
    <div class="row spread">
      <h1>Cache</h1>
      <div class="row">
        <button type="button" class="small" onClick=${again}>Refresh</button>
        <button type="button" class="danger" onClick=${() => ask(purge)}>Purge …</button>
      </div>
    </div>
    <${Notice} error=${report.error ?? voices.error} />
    ${report.data === undefined ? html`<dl class="tiles waiting"></dl>` : html`<${Summary} report=${report.data} voices=${voices.data} />`}
    <section class="card">
      <${Table}
        caption="By voice"
        head=${["Voice", "Entries", "Size", "Length", "Characters", "Oldest", "Newest"]}
        rows=${voices.data?.voices.map((one) => [one.voice, count(one.entries), bytes(one.bytes), millis(one.durationMs), count(one.characters), ago(one.oldest), ago(one.newest)])}
      />
      ${voices.data?.complete === false ? html`<p class="quiet">Only the first 100,000 entries are counted here.</p>` : null}
    </section>
    <section class="card">
      <${Entries} ask=${ask} voices=${found.map(({ voice }) => voice)} removed=${again} round=${round} />
    </section>
    ${dialog}
  `
}
