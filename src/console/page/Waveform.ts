import { useEffect, useRef, useState } from "preact/hooks"
import { html } from "./html.ts"
import { colour } from "./theme.ts"

/** The loudest sample of each of `count` equal pieces. */
const peaks = (samples: Float32Array, count: number): Float32Array => {
  const found = new Float32Array(count)
  for (let index = 0; index < count; index++) {
    const [from, to] = [
      Math.floor((index * samples.length) / count),
      Math.floor(((index + 1) * samples.length) / count),
    ]
    for (let at = from; at < to; at++) found[index] = Math.max(found[index]!, Math.abs(samples[at]!))
  }
  return found
}

const decode = async (audio: Blob): Promise<AudioBuffer | undefined> => {
  try {
    return await new OfflineAudioContext(1, 1, 16_000).decodeAudioData(await audio.arrayBuffer())
  } catch {
    return undefined
  }
}

const draw = (canvas: HTMLCanvasElement, samples: Float32Array, played: number) => {
  const scale = devicePixelRatio
  const [width, height] = [canvas.clientWidth, canvas.clientHeight]
  canvas.width = width * scale
  canvas.height = height * scale
  const context = canvas.getContext("2d")!
  context.scale(scale, scale)
  const bars = Math.max(1, Math.floor(width / 3))
  const [ahead, behind] = [colour("--wave"), colour("--accent")]
  peaks(samples, bars).forEach((peak, index) => {
    const size = Math.max(1, peak * (height - 2))
    context.fillStyle = index / bars < played ? behind : ahead
    context.fillRect(index * 3, (height - size) / 2, 2, size)
  })
}

/** What `audio` looks like; a click goes there in `player`. Nothing where the browser cannot decode it. */
export const Waveform = ({ audio, player }: { readonly audio: Blob; readonly player: HTMLAudioElement | null }) => {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [decoded, setDecoded] = useState<AudioBuffer | undefined>(undefined)
  useEffect(() => {
    let stale = false
    void decode(audio).then((buffer) => void (stale || setDecoded(buffer)))
    return () => void (stale = true)
  }, [audio])
  useEffect(() => {
    if (decoded === undefined) return
    const redraw = () => {
      if (canvas.current !== null)
        draw(canvas.current, decoded.getChannelData(0), (player?.currentTime ?? 0) / decoded.duration)
    }
    redraw()
    player?.addEventListener("timeupdate", redraw)
    addEventListener("resize", redraw)
    addEventListener("themechange", redraw)
    return () => {
      player?.removeEventListener("timeupdate", redraw)
      removeEventListener("resize", redraw)
      removeEventListener("themechange", redraw)
    }
  }, [decoded, player])
  const go = (event: MouseEvent) => {
    if (player === null || decoded === undefined) return
    player.currentTime = (event.offsetX / (event.target as HTMLCanvasElement).clientWidth) * decoded.duration
    void player.play().catch(() => undefined)
  }
  return html`<canvas class="wave" ref=${canvas} onClick=${go} aria-hidden="true"></canvas>`
}
