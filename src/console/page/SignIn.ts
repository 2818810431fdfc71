import { useState } from "preact/hooks"
import { messageOf } from "./call.ts"
import { html } from "./html.ts"
import { Notice } from "./parts.ts"
import { hasLapsed, signIn } from "./session.ts"

/** The way in: all that a stranger sees. */
export const SignIn = ({ who, page }: { readonly who: string; readonly page: string }) => {
  const [token, setToken] = useState("")
  const [error, setError] = useState<string | undefined>(undefined)
  const [busy, setBusy] = useState(false)
  const stranger = who === "stranger"
  const submit = (event: Event) => {
    event.preventDefault()
    setBusy(true)
    signIn(token.trim()).then(
      (good) => {
        setBusy(false)
        setError(good ? undefined : "That is neither the admin token nor a key of this gateway.")
        if (good) setToken("")
      },
      (problem: unknown) => {
        setBusy(false)
        setError(messageOf(problem))
      },
    )
  }
  return html`
    <section class="card narrow">
      <h1>${stranger ? "Sign in" : page}</h1>
      <p>
        ${stranger ? "This gateway shows itself to those who bring its admin token, and speaks for those who bring a key." : "This page needs the admin token."}
      </p>
      <${Notice} error=${hasLapsed() ? "What was signed in with is no longer good here: sign in again." : undefined} />
      <form onSubmit=${submit}>
        <label
          >${stranger ? "Admin token or key" : "Admin token"}
          <input
            type="password"
            name="token"
            autocomplete="current-password"
            required
            value=${token}
            onInput=${(event: Event) => setToken((event.target as HTMLInputElement).value)}
          />
        </label>
        <${Notice} error=${error} />
        <button type="submit" class="main" disabled=${busy}>Sign in</button>
      </form>
      <p class="quiet">
        The gateway names the file with its token when it starts, unless AVIARY_ADMIN_TOKEN has it. It is kept while
        this page is open, and asked for again after that.
      </p>
    </section>
  `
}
