import { useState } from "preact/hooks"
import { messageOf } from "./call.ts"
import { html } from "./html.ts"
import { Notice } from "./parts.ts"

/** One field of a form. An empty one that is not `required` is left out. */
export interface Field {
  readonly name: string
  readonly label: string
  readonly type?: "text" | "number" | "datetime-local"
  readonly options?: ReadonlyArray<{ readonly value: string; readonly name: string }>
  readonly required?: boolean
  readonly value?: string
  readonly step?: string
}

export type Filled = Readonly<Record<string, string>>

/** An amount of money as it is typed, in micro-units. */
export const microUnits = (typed: string): number => Math.round(Number(typed) * 1_000_000)

const initially = (fields: ReadonlyArray<Field>): Filled =>
  Object.fromEntries(fields.map(({ name, options, value }) => [name, value ?? options?.[0]?.value ?? ""]))

const Control = (props: { readonly field: Field; readonly value: string; readonly set: (value: string) => void }) => {
  const { field, set, value } = props
  const changed = (event: Event) => set((event.target as HTMLInputElement).value)
  return html`<label
    >${field.label}
    ${
      field.options === undefined
        ? html`<input
            name=${field.name}
            type=${field.type ?? "text"}
            step=${field.step ?? "any"}
            maxlength="200"
            required=${field.required === true}
            value=${value}
            onInput=${changed}
          />`
        : html`<select name=${field.name} value=${value} onChange=${changed}>
            ${field.options.map((one) => html`<option value=${one.value}>${one.name}</option>`)}
          </select>`
    }
  </label>`
}

/** A form that says how it went. `send` answers with a sentence; the fields are empty again after it. */
export const Form = (props: {
  readonly label: string
  readonly button: string
  readonly fields: ReadonlyArray<Field>
  readonly send: (filled: Filled) => Promise<string>
}) => {
  const [filled, setFilled] = useState(initially(props.fields))
  const [outcome, setOutcome] = useState<{ readonly done?: string; readonly error?: string }>({})
  const submit = (event: Event) => {
    event.preventDefault()
    props.send(filled).then(
      (done) => {
        setOutcome({ done })
        setFilled(initially(props.fields))
      },
      (error: unknown) => setOutcome({ error: messageOf(error) }),
    )
  }
  return html`
    <form class="inline" aria-label=${props.label} onSubmit=${submit}>
      ${props.fields.map((field) => html`<${Control} key=${field.name} field=${field} value=${filled[field.name] ?? ""} set=${(value: string) => setFilled({ ...filled, [field.name]: value })} />`)}
      <button type="submit" class="main">${props.button}</button>
      <${Notice} ...${outcome} />
    </form>
  `
}
