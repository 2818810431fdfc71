import { useRef, useState } from "preact/hooks"
import { messageOf } from "./call.ts"
import { html } from "./html.ts"
import { Notice } from "./parts.ts"

/** One field of a form. An empty one that is not `required` is left out. */
export interface Field {
  readonly name: string
  readonly label: string
  readonly type?: "text" | "password" | "number" | "money" | "datetime-local"
  readonly options?: ReadonlyArray<{ readonly value: string; readonly name: string }>
  readonly required?: boolean
  readonly value?: string
  readonly step?: string
  readonly min?: number
  readonly max?: number
}

export type Filled = Readonly<Record<string, string>>

export const largestAmount = 1_000_000_000

/** An amount of money as it is typed, in micro-units. Fails with what to write instead. */
export const microUnits = (typed: string, least = 0, most = largestAmount): number => {
  const amount = /^[+-]?(\d+\.?|\d*\.\d{1,6})$/.test(typed.trim()) ? Number(typed) : Number.NaN
  if (Number.isNaN(amount))
    throw new Error(`${typed} is no amount: write one such as 12.50, with at most six decimals.`)
  const written = (limit: number) => limit.toLocaleString("en-US", { maximumFractionDigits: 6 })
  if (amount < least || amount > most)
    throw new Error(`An amount from ${written(least)} to ${written(most)} is accepted.`)
  return Math.round(amount * 1_000_000)
}

/** A name for something that is to be done once. Browsers have `crypto.randomUUID` only on https and on the gateway's machine. */
export const newId = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")

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
            type=${field.type === "money" ? "text" : (field.type ?? "text")}
            inputmode=${field.type === "money" ? "decimal" : undefined}
            step=${field.step ?? "any"}
            min=${field.min}
            max=${field.max}
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
  const busy = useRef(false)
  const submit = (event: Event) => {
    event.preventDefault()
    // A second click would do it twice.
    if (busy.current) return
    busy.current = true
    props
      .send(filled)
      .then(
        (done) => {
          setOutcome({ done })
          setFilled(initially(props.fields))
        },
        (error: unknown) => setOutcome({ error: messageOf(error) }),
      )
      .finally(() => void (busy.current = false))
  }
  return html`
    <form class="inline" aria-label=${props.label} onSubmit=${submit}>
      ${props.fields.map((field) => html`<${Control} key=${field.name} field=${field} value=${filled[field.name] ?? ""} set=${(value: string) => setFilled({ ...filled, [field.name]: value })} />`)}
      <button type="submit" class="main">${props.button}</button>
      <${Notice} ...${outcome} />
    </form>
  `
}
