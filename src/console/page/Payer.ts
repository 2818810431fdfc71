import { useEffect, useState } from "preact/hooks"
import { Form } from "./fields.ts"
import { html } from "./html.ts"
import { lacksKey, onChange, payWith } from "./session.ts"

/** Where an operator says which key pays: where keys are asked for, the admin token is none. */
export const Payer = () => {
  const [asks, setAsks] = useState(lacksKey())
  // Once it has been asked for, what became of it stays to be read.
  useEffect(() => onChange(() => lacksKey() && setAsks(true)), [])
  if (!asks) return null
  const send = async ({ key = "" }) => {
    if (!(await payWith(key.trim())))
      throw new Error("That is no key of this gateway. Keys are made on the Money page.")
    return "It pays for what is tried here, while this page is open."
  }
  return html`
    <section class="card">
      <h2>Whose key pays?</h2>
      <p>
        Speech and transcripts are for holders of a key here, and the admin token is none. Keys are made on the Money
        page.
      </p>
      <${Form}
        label="Key"
        button="Use this key"
        send=${send}
        fields=${[{ name: "key", label: "Key", type: "password", required: true }]}
      />
    </section>
  `
}
