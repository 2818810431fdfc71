import type { RateCard } from "../../billing/RateCard.ts"
import { useAsked } from "./asking.ts"
import { call } from "./call.ts"
import { type Field, type Filled, Form, microUnits } from "./fields.ts"
import { exactMoney, moment } from "./format.ts"
import { html } from "./html.ts"
import type { BooksProps } from "./books.ts"
import { Notice, Pill, type Question, Table } from "./parts.ts"

const largestPrice = 10_000

/** A part of the price, in per cent. */
const share = (name: string, label: string): Field => ({
  ...{ name, label, type: "number", step: "0.01", min: 0, max: 100 },
  ...{ value: "100", required: true },
})

const withdraw = (version: number, again: () => void): Question => ({
  title: `Withdraw version ${version}?`,
  text: "It has not begun. The version before it then holds for longer.",
  button: "Withdraw",
  act: async () => {
    await call<RateCard>(`/admin/rates/${version}`, { method: "DELETE" })
    again()
    return "It is withdrawn."
  },
})

const Publish = ({ again, currency }: { readonly again: () => void; readonly currency: string }) => {
  const publish = async ({ coalesced = "", from, hit = "", speech = "", transcription = "" }: Filled) => {
    const { version } = await call<RateCard>("/admin/rates", {
      method: "POST",
      json: {
        speechPerMillionCharacters: microUnits(speech, 0, largestPrice),
        transcriptionPerMinute: microUnits(transcription, 0, largestPrice),
        hitShare: Math.round(Number(hit) * 100),
        coalescedShare: Math.round(Number(coalesced) * 100),
        ...(from ? { validFrom: new Date(from).getTime() } : {}),
      },
    })
    again()
    return `Version ${version} is published.`
  }
  return html`
    <section class="card">
      <h2>Publish prices</h2>
      <${Form}
        label="Publish prices"
        button="Publish"
        send=${publish}
        fields=${[
          {
            name: "speech",
            label: `A million characters (${currency.toUpperCase()})`,
            type: "money",
            required: true,
          },
          {
            name: "transcription",
            label: `A minute of audio (${currency.toUpperCase()})`,
            type: "money",
            required: true,
          },
          share("hit", "Hits pay, %"),
          share("coalesced", "Coalesced pay, %"),
          { name: "from", label: "From (empty: at once)", type: "datetime-local" },
        ]}
      />
    </section>
  `
}

/** What speech and transcription cost, version by version. */
export const Rates = ({ ask, books: { currency } }: BooksProps) => {
  const { again, data, error } = useAsked(() => call<{ readonly rates: ReadonlyArray<RateCard> }>("/admin/rates"), [])
  const rates = data?.rates ?? []
  const now = Date.now()
  const inForce = rates.findLast(({ validFrom }) => validFrom <= now)?.version
  return html`
    <section class="card">
      <${Notice} error=${error} />
      <${Table}
        caption="Prices, latest first"
        head=${["Version", "From", "A million characters", "A minute of audio", "Hits pay", "Coalesced pay", ""]}
        rows=${data?.rates
          .toReversed()
          .map((rate) => [
            html`${rate.version} ${rate.version === inForce ? html`<${Pill} kind="healthy">in force</${Pill}>` : null}`,
            rate.validFrom === 0 ? "the start" : moment(rate.validFrom),
            exactMoney(rate.speechPerMillionCharacters, currency),
            exactMoney(rate.transcriptionPerMinute, currency),
            `${rate.hitShare / 100} %`,
            `${rate.coalescedShare / 100} %`,
            rate.validFrom > now
              ? html`<button type="button" class="small" onClick=${() => ask(withdraw(rate.version, again))}>
                  Withdraw …
                </button>`
              : null,
          ])}
      />
    </section>
    <${Publish} currency=${currency} again=${again} />
  `
}
