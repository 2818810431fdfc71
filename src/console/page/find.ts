import { useState } from "preact/hooks"
import { html } from "./html.ts"

interface Finding<A> {
  readonly label: string
  readonly hint: string
  /** Lists no longer than this are seen at a glance. */
  readonly from?: number
  /** What one of the list is found by. */
  readonly textOf?: (one: A) => string
}

/** Those of `list` that have what is typed into `box` in them. */
export const useFind = <A>(list: ReadonlyArray<A>, { from = 0, hint, label, textOf = JSON.stringify }: Finding<A>) => {
  const [wanted, setWanted] = useState("")
  const found = wanted === "" ? list : list.filter((one) => textOf(one).toLowerCase().includes(wanted.toLowerCase()))
  const box =
    list.length < from
      ? null
      : html`<label class="narrow"
          >${label}
          <input
            type="search"
            value=${wanted}
            onInput=${(event: Event) => setWanted((event.target as HTMLInputElement).value)}
            placeholder=${hint}
          />
        </label>`
  return { box, found }
}
