import { useEffect, useRef, useState } from "preact/hooks"
import type { ListedVoice } from "../../contract/AudioGroup.ts"
import type { RateCard } from "../../billing/RateCard.ts"
import { useAsked } from "./asking.ts"
import { call, messageOf } from "./call.ts"
import { millis, money } from "./format.ts"
import { html } from "./html.ts"
import { Notice, Tile } from "./parts.ts"
import { type Heard, speak, type SpeechAsked } from "./playback.ts"
import { current } from "./session.ts"
import { byLanguage } from "./voices.ts"
import { Waveform } from "./Waveform.ts"

const sample = "The birds are singing in the morning, and the gateway listens."

interface Prices {
  readonly currency: string
  readonly rates: ReadonlyArray<RateCard>
}

/** What this costs at the prices of now; undefined where they are not this visitor's to see. */
const costOf = (text: string, cache: string, prices: Prices | undefined): string | undefined => {
  const rates = prices?.rates.findLast(({ validFrom }) => validFrom <= Date.now())
  if (prices === undefined || rates === undefined) return undefined
  const share = cache === "HIT" ? rates.hitShare : cache === "COALESCED" ? rates.coalescedShare : 10_000
  const whole = ([...text].length * rates.speechPerMillionCharacters) / 1_000_000
  return money(Math.ceil((whole * share) / 10_000), prices.currency)
}

const Numbers = ({
  heard,
  seconds,
  cost,
}: {
  readonly heard: Heard
  readonly seconds: number
  readonly cost: string | undefined
}) => html`
  <dl class="tiles" data-numbers="speech">
    <${Tile} name="First audio" value=${millis(heard.firstMillis)} />
    <${Tile} name="All of it" value=${millis(heard.wholeMillis)} />
    <${Tile} name="Length" value=${millis(seconds * 1_000)} />
    <${Tile} name="x-cache" value=${heard.cache} />
    ${cost === undefined ? null : html`<${Tile} name="Cost" value=${cost} />`}
  </dl>
`

const Form = (props: {
  readonly asked: SpeechAsked
  readonly change: (asked: SpeechAsked) => void
  readonly formats: ReadonlyArray<string>
}) => {
  const { asked, change, formats } = props
  const voices = useAsked(() => call<{ readonly voices: ReadonlyArray<ListedVoice> }>("/v1/audio/voices"), [])
  // As it is typed: `0.` is no number yet, and would lose its point.
  const [speed, setSpeed] = useState(String(asked.speed))
  const groups = byLanguage(voices.data?.voices ?? [])
  const set = (name: keyof SpeechAsked) => (event: Event) => {
    const { value } = event.target as HTMLInputElement
    if (name === "speed") setSpeed(value)
    change({ ...asked, [name]: name === "speed" ? Number(value) : value })
  }
  return html`
    <label
      >Text
      <textarea rows="4" required maxlength="100000" value=${asked.input} onInput=${set("input")}></textarea>
    </label>
    <div class="row">
      <label class="grow"
        >Voice
        <select value=${asked.voice} onChange=${set("voice")}>
          <option value="alloy">alloy</option>
          ${groups.map(({ language, voices }) => html`<optgroup label=${language}>${voices.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</optgroup>`)}
        </select>
      </label>
      <label
        >Format
        <select value=${asked.response_format} onChange=${set("response_format")}>
          ${formats.map((name) => html`<option>${name}</option>`)}
        </select>
      </label>
      <label
        >Speed
        <input type="number" min="0.25" max="4" step="0.05" required value=${speed} onInput=${set("speed")} />
      </label>
    </div>
    <${Notice} error=${voices.error} />
  `
}

/** Text in, speech out. */
export const Speak = () => {
  const [asked, setAsked] = useState<SpeechAsked>({ input: sample, voice: "alloy", response_format: "mp3", speed: 1 })
  const [heard, setHeard] = useState<{ readonly heard: Heard; readonly text: string } | undefined>(undefined)
  const [seconds, setSeconds] = useState(0)
  const [error, setError] = useState<string | undefined>(undefined)
  const [under, setUnder] = useState<AbortController | undefined>(undefined)
  const [player, setPlayer] = useState<HTMLAudioElement | null>(null)
  const download = useRef<string | undefined>(undefined)
  const operator = current().who === "operator"
  const prices = useAsked(async () => (operator ? await call<Prices>("/admin/rates") : undefined), [operator])
  useEffect(() => () => under?.abort(), [under])
  const submit = (event: Event) => {
    event.preventDefault()
    if (player === null) return
    const mine = new AbortController()
    setUnder(mine)
    setError(undefined)
    speak(player, asked, mine.signal)
      .then((found) => {
        download.current = URL.createObjectURL(found.audio)
        setHeard({ heard: found, text: asked.input })
      })
      .catch((problem: unknown) => void (mine.signal.aborted || setError(messageOf(problem))))
      .finally(() => setUnder(undefined))
  }
  return html`
    <section class="card" aria-labelledby="speak">
      <h2 id="speak">Speak</h2>
      <form onSubmit=${submit}>
        <${Form} asked=${asked} change=${setAsked} formats=${current().formats} />
        <div class="row">
          <button type="submit" class="main" disabled=${under !== undefined}>
            ${under === undefined ? "Speak" : "Speaking …"}
          </button>
          ${under === undefined ? null : html`<button type="button" onClick=${() => under.abort()}>Stop</button>`}
          ${heard === undefined ? null : html`<a class="button" download=${`speech.${asked.response_format}`} href=${download.current}>Download</a>`}
        </div>
        <${Notice} error=${error} />
      </form>
      <audio
        controls
        ref=${setPlayer}
        aria-label="The speech"
        onDurationChange=${() => setSeconds(Number.isFinite(player?.duration) ? player!.duration : 0)}
      ></audio>
      <div class="wavebox">
        ${heard === undefined ? null : html`<${Waveform} audio=${heard.heard.playable} player=${player} />`}
      </div>
      ${heard === undefined ? null : html`<${Numbers} heard=${heard.heard} seconds=${seconds} cost=${costOf(heard.text, heard.heard.cache, prices.data)} />`}
    </section>
  `
}
