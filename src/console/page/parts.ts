import { useEffect, useRef, useState } from "preact/hooks"
import { messageOf } from "./call.ts"
import { type Children, html } from "./html.ts"

/** A line that says how something went; read aloud where pages are. */
export const Notice = ({
  error,
  done,
}: {
  readonly error?: string | undefined
  readonly done?: string | undefined
}) => html`
  <p
    class=${`notice ${error === undefined ? "good" : "bad"}`}
    role="status"
    hidden=${error === undefined && done === undefined}
  >
    ${error ?? done}
  </p>
`

export const Tile = (props: { readonly name: string; readonly value: string; readonly hint?: string }) => html`
  <div class="tile">
    <dt>${props.name}</dt>
    <dd>${props.value}${props.hint === undefined ? null : html`<small>${props.hint}</small>`}</dd>
  </div>
`

/** A table that scrolls in its own box where the page is narrow. */
export const Table = (props: {
  readonly caption: string
  readonly head: ReadonlyArray<string>
  /** Undefined where they are not known, or not yet. */
  readonly rows: ReadonlyArray<ReadonlyArray<Children>> | undefined
  readonly empty?: string
}) => html`
  <div class="scroll" tabindex="0" role="region" aria-label=${props.caption}>
    <table>
      <caption>
        ${props.caption}
      </caption>
      <thead>
        <tr>
          ${props.head.map((name) => html`<th scope="col">${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${
          props.rows === undefined || props.rows.length === 0
            ? html`<tr>
                <td colspan=${props.head.length} class="none">
                  ${props.rows === undefined ? "…" : (props.empty ?? "Nothing yet.")}
                </td>
              </tr>`
            : props.rows.map(
                (cells) =>
                  html`<tr>
                    ${cells.map((cell) => html`<td>${cell}</td>`)}
                  </tr>`,
              )
        }
      </tbody>
    </table>
  </div>
`

/** How something is, by colour and by word. */
export const Pill = ({ kind, children }: { readonly kind: string; readonly children?: Children }) =>
  html`<span class=${`pill ${kind}`}>${children}</span>`

/** Copies `text` as a hand would: from a field in which it is selected. */
const copySelected = (text: string): boolean => {
  const field = Object.assign(document.createElement("textarea"), { value: text })
  document.body.append(field)
  field.select()
  const done = document.execCommand("copy")
  field.remove()
  return done
}

/** Copies `text`; says so where the button is. */
export const Copy = ({ text, label = "Copy" }: { readonly text: string; readonly label?: string }) => {
  const [copied, setCopied] = useState(false)
  const copy = () => {
    // Browsers have a clipboard only on https and on the gateway's machine.
    if (!("clipboard" in navigator)) return setCopied(copySelected(text))
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    )
  }
  return html`<button type="button" class="small" onClick=${copy}>${copied ? "Copied" : label}</button>`
}

/** What is asked before something is done that cannot be taken back. `field` is typed in, and handed to `act`. */
export interface Question {
  readonly title: string
  readonly text: string
  readonly button: string
  readonly field?: { readonly label: string; readonly value: string }
  /** Answers with what happened, in a sentence. */
  readonly act: (field: string) => Promise<string>
}

/** The dialog of `question`, which says afterwards what happened. */
const Ask = ({ question, close }: { readonly question: Question; readonly close: () => void }) => {
  const dialog = useRef<HTMLDialogElement>(null)
  const [field, setField] = useState(question.field?.value ?? "")
  const [busy, setBusy] = useState(false)
  const [outcome, setOutcome] = useState<{ readonly done?: string; readonly error?: string }>({})
  useEffect(() => dialog.current?.showModal(), [])
  const act = (event: Event) => {
    event.preventDefault()
    setBusy(true)
    question.act(field).then(
      (done) => {
        setOutcome({ done })
        setBusy(false)
      },
      (error: unknown) => {
        setOutcome({ error: messageOf(error) })
        setBusy(false)
      },
    )
  }
  const over = outcome.done !== undefined
  return html`
    <dialog ref=${dialog} onClose=${close} aria-labelledby="asked">
      <form onSubmit=${act}>
        <h2 id="asked">${question.title}</h2>
        <p>${question.text}</p>
        ${
          question.field === undefined || over
            ? null
            : html`<label
                >${question.field.label}
                <input
                  required
                  maxlength="500"
                  value=${field}
                  onInput=${(event: Event) => setField((event.target as HTMLInputElement).value)}
                />
              </label>`
        }
        <${Notice} ...${outcome} />
        <div class="row end">
          <button type="button" onClick=${() => dialog.current?.close()}>${over ? "Close" : "Cancel"}</button>
          ${over ? null : html`<button type="submit" class="main" disabled=${busy}>${busy ? "Working …" : question.button}</button>`}
        </div>
      </form>
    </dialog>
  `
}

/** What is being asked, if anything, and how to ask. */
export const useQuestion = () => {
  const [question, ask] = useState<Question | undefined>(undefined)
  const dialog = question === undefined ? null : html`<${Ask} question=${question} close=${() => ask(undefined)} />`
  return { ask, dialog }
}
