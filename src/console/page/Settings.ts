import { useState } from "preact/hooks"
import type { GatewayReport, ReloadReport, SettingReport } from "../../contract/AdminSettingsGroup.ts"
import { useAsked } from "./asking.ts"
import { call } from "./call.ts"
import { clients } from "./clients.ts"
import { ago, moment } from "./format.ts"
import { html } from "./html.ts"
import { Copy, Notice, Pill, type Question, Table, Tile, useQuestion } from "./parts.ts"
import { current } from "./session.ts"

const valueOf = ({ origin, secret, value }: SettingReport) =>
  secret && origin !== "default"
    ? "set, hidden"
    : value === null
      ? "unset"
      : value === ""
        ? "none"
        : html`<code>${value}</code>`

/** What is between backticks, as code. */
const withCode = (text: string) =>
  text.split("`").map((part, index) => (index % 2 === 0 ? part : html`<code>${part}</code>`))

const About = ({ models, node, startedAt, version }: GatewayReport) => html`
  <dl class="tiles">
    <${Tile} name="Version" value=${version} />
    <${Tile} name="Node" value=${node} />
    <${Tile} name="Started" value=${ago(startedAt)} hint=${moment(startedAt)} />
    <${Tile} name="Speaks with" value=${models.speech} />
    <${Tile} name="Listens with" value=${models.transcription} />
  </dl>
`

const listed = (names: ReadonlyArray<string>) => (names.length === 0 ? "nothing" : names.join(", "))

const reload = (again: () => void): Question => ({
  title: "Read the file of settings again?",
  text: "The file of --config, with what can change while the gateway runs. It counts as a whole: one that is not valid changes nothing.",
  button: "Read again",
  act: async () => {
    const { changed, file, needsRestart } = await call<ReloadReport>("/admin/settings/reload", { method: "POST" })
    if (file === null) return "There is no file: the gateway was started without --config."
    again()
    return `Read ${file}. Changed: ${listed(changed)}. Not before a restart: ${listed(needsRestart)}.`
  },
})

const List = ({
  ask,
  again,
  settings,
}: GatewayReport & { readonly ask: (question: Question) => void; readonly again: () => void }) => {
  const [all, setAll] = useState(false)
  const shown = all ? settings : settings.filter(({ origin }) => origin !== "default")
  return html`
    <section class="card">
      <div class="row spread">
        <h2>Settings</h2>
        <div class="row">
          <button type="button" class="small" onClick=${() => ask(reload(again))}>Read again …</button>
          <button type="button" class="small" aria-pressed=${all} onClick=${() => setAll(!all)}>
            ${all ? "Only what is set" : `All ${settings.length}`}
          </button>
        </div>
      </div>
      <${Table}
        caption=${all ? "Every setting" : "What is not as by default"}
        head=${["Name", "Value", "From", "Changes", "Meaning"]}
        empty="Everything is as by default."
        rows=${shown.map((one) => [
          html`<code>${one.name}</code>`,
          valueOf(one),
          html`<${Pill} kind=${one.origin === "default" ? "unknown" : "recovering"}>${one.origin}</${Pill}>`,
          one.live ? "while it runs" : "at a restart",
          html`<span class="meaning"
            >${withCode(one.meaning)} <span class="quiet">Accepts ${withCode(one.accepts)}.</span></span
          >`,
        ])}
      />
    </section>
  `
}

const Clients = () => {
  const keys = current().access === "keys"
  return html`
    <section class="card">
      <h2>Point a client here</h2>
      <p>
        ${keys ? "A key is asked for: put one of the Money page where it says sk-… or $OPENAI_API_KEY." : "No key is asked for; clients that insist on one may send any."}
      </p>
      <p class="quiet">
        From a container, this machine is host.docker.internal and not 127.0.0.1. What each client can and cannot do is
        in docs/clients.md.
      </p>
      ${clients(location.origin).map(
        ({ blocks, name }) =>
          html` <details>
            <summary>${name}</summary>
            ${blocks.map(
              (lines) =>
                html`<div class="row end"><${Copy} text=${lines} /></div>
                  <pre tabindex="0"><code>${lines}</code></pre>`,
            )}
          </details>`,
      )}
    </section>
  `
}

/** What this gateway is, how it is set up, and how to use it. */
export const Settings = () => {
  const found = useAsked(() => call<GatewayReport>("/admin/settings"), [])
  const { ask, dialog } = useQuestion()
  return html`
    <h1>Settings</h1>
    <${Notice} error=${found.error} />
    ${found.data === undefined ? html`<dl class="tiles waiting"></dl>` : html`<${About} ...${found.data} />`}
    <${Clients} />
    ${found.data === undefined ? null : html`<${List} ...${found.data} ask=${ask} again=${found.again} />`} ${dialog}
  `
}
