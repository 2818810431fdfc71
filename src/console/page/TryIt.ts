import { html } from "./html.ts"
import { Payer } from "./Payer.ts"
import { Listen } from "./Listen.ts"
import { Speak } from "./Speak.ts"

/** Speech and transcription, as any client has them. */
export const TryIt = () => html`
  <h1 class="hidden">Try it</h1>
  <${Payer} />
  <div class="columns"><${Speak} /><${Listen} /></div>
`
