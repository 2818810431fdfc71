import { useEffect, useState } from "preact/hooks"
import { call, CallError, messageOf } from "./call.ts"
import { millis, position } from "./format.ts"
import { html } from "./html.ts"
import { Copy, Notice, Tile } from "./parts.ts"
import { Recorder } from "./Recorder.ts"
import { type Answer, srtOf, type Timed, type Transcript, transcriptOf, vttOf, wordsOf } from "./transcript.ts"
import { Waveform } from "./Waveform.ts"

/** What can be asked for, the most telling first: not every engine gives times, and words are timed in some languages only. */
const wishes = [
  { format: "verbose_json", times: ["word", "segment"] },
  { format: "verbose_json", times: ["segment"] },
  { format: "json", times: [] },
]

const form = (file: File, { format, times }: (typeof wishes)[number]) => {
  const fields = new FormData()
  fields.set("model", "whisper-1")
  fields.set("response_format", format)
  for (const time of times) fields.append("timestamp_granularities[]", time)
  fields.set("file", file)
  return fields
}

/** With times, as far as there are any. */
const transcribe = async (file: File, signal: AbortSignal): Promise<Transcript> => {
  for (const wish of wishes) {
    try {
      const body = form(file, wish)
      return transcriptOf(await call<Answer>("/v1/audio/transcriptions", { method: "POST", body, signal }))
    } catch (error) {
      const less = error instanceof CallError && error.code === "unsupported_value"
      if (!less || wish === wishes.at(-1)) throw error
    }
  }
  throw new Error("Nothing was asked for.")
}

const Lines = ({ play, transcript }: { readonly play: (part: Timed) => void; readonly transcript: Transcript }) => {
  const { lines, text, words } = transcript
  if (lines.length === 0) return html`<p class="transcript">${text === "" ? "Nothing was heard." : text}</p>`
  return html`
    <ol class="transcript">
      ${lines.map((line) => {
        const within = wordsOf(line, words)
        return html`<li>
          <button
            type="button"
            class="time"
            onClick=${() => play(line)}
            aria-label=${`Hear from ${position(line.start)}`}
          >
            ${position(line.start)}
          </button>
          <span
            >${
              within.length === 0
                ? line.text
                : within.map(
                    (word) =>
                      html`<button
                        type="button"
                        class="word"
                        title=${`${position(word.start)} to ${position(word.end)}`}
                        onClick=${() => play(word)}
                      >
                        ${word.text}
                      </button> `,
                  )
            }</span
          >
        </li>`
      })}
    </ol>
  `
}

const Downloads = ({ lines, text }: Transcript) => {
  const link = (name: string, type: string, content: string) =>
    html`<a class="button" download=${name} href=${URL.createObjectURL(new Blob([content], { type }))}
      >${name.split(".")[1]}</a
    >`
  return html`
    <div class="row">
      <${Copy} text=${text} />
      ${link("transcript.txt", "text/plain", `${text}\n`)}
      ${lines.length === 0 ? null : html`${link("transcript.srt", "application/x-subrip", srtOf(lines))}${link("transcript.vtt", "text/vtt", vttOf(lines))}`}
    </div>
  `
}

/** Plays a part of `player` and stops after it. */
const usePart = (player: HTMLAudioElement | null) => {
  const [until, setUntil] = useState(Number.POSITIVE_INFINITY)
  useEffect(() => {
    if (player === null) return
    const stop = () => {
      if (player.currentTime < until) return
      player.pause()
      setUntil(Number.POSITIVE_INFINITY)
    }
    player.addEventListener("timeupdate", stop)
    return () => player.removeEventListener("timeupdate", stop)
  }, [player, until])
  return ({ end, start }: Timed) => {
    if (player === null) return
    player.currentTime = start
    setUntil(end)
    void player.play().catch(() => undefined)
  }
}

interface Done {
  readonly transcript: Transcript
  readonly millis: number
}

const Drop = ({ take, busy }: { readonly take: (file: File) => void; readonly busy: boolean }) => {
  const [over, setOver] = useState(false)
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    const file = event.dataTransfer?.files[0]
    if (file !== undefined) take(file)
  }
  const dragged = (is: boolean) => (event: DragEvent) => {
    event.preventDefault()
    setOver(is)
  }
  const chosen = (event: Event) => {
    const file = (event.target as HTMLInputElement).files?.[0]
    if (file !== undefined) take(file)
  }
  return html`
    <div class=${`drop ${over ? "over" : ""}`} onDragOver=${dragged(true)} onDragLeave=${dragged(false)} onDrop=${drop}>
      <label
        >A recording: choose a file, or drop it here
        <input type="file" accept="audio/*,video/mp4,video/webm" disabled=${busy} onChange=${chosen} />
      </label>
      <${Recorder} take=${take} disabled=${busy} />
    </div>
  `
}

/** Speech in, text out. */
export const Listen = () => {
  const [file, setFile] = useState<{ readonly blob: File; readonly url: string } | undefined>(undefined)
  const [done, setDone] = useState<Done | undefined>(undefined)
  const [error, setError] = useState<string | undefined>(undefined)
  const [under, setUnder] = useState<AbortController | undefined>(undefined)
  const [player, setPlayer] = useState<HTMLAudioElement | null>(null)
  const play = usePart(player)
  useEffect(() => () => under?.abort(), [under])
  const take = (blob: File) => {
    const mine = new AbortController()
    const started = performance.now()
    setFile({ blob, url: URL.createObjectURL(blob) })
    setDone(undefined)
    setError(undefined)
    setUnder(mine)
    transcribe(blob, mine.signal)
      .then((transcript) => setDone({ transcript, millis: performance.now() - started }))
      .catch((problem: unknown) => void (mine.signal.aborted || setError(messageOf(problem))))
      .finally(() => setUnder(undefined))
  }
  const heard = done?.transcript.seconds
  return html`
    <section class="card" aria-labelledby="listen" aria-busy=${under !== undefined}>
      <h2 id="listen">Listen</h2>
      <${Drop} take=${take} busy=${under !== undefined} />
      ${under === undefined ? null : html`<p role="status">Listening … <button type="button" class="small" onClick=${() => under.abort()}>Stop</button></p>`}
      <${Notice} error=${error} />
      <audio controls ref=${setPlayer} src=${file?.url} aria-label="The recording"></audio>
      <div class="wavebox">
        ${file === undefined ? null : html`<${Waveform} audio=${file.blob} player=${player} />`}
      </div>
      ${
        done === undefined
          ? null
          : html`
              <${Lines} transcript=${done.transcript} play=${play} />
              <${Downloads} ...${done.transcript} />
              <dl class="tiles" data-numbers="transcript">
                <${Tile} name="Took" value=${millis(done.millis)} />
                <${Tile} name="Recording" value=${millis(heard === undefined ? undefined : heard * 1_000)} />
                <${Tile}
                  name="Real-time factor"
                  value=${heard === undefined || heard === 0 ? "–" : (done.millis / 1_000 / heard).toFixed(2)}
                />
              </dl>
            `
      }
    </section>
  `
}
