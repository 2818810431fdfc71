import { useEffect, useRef } from "preact/hooks"
import type UPlot from "uplot"
import { html } from "./html.ts"
import { colour } from "./theme.ts"

/** One line of a chart; `values` as many as there are times. */
export interface Line {
  readonly name: string
  readonly values: ReadonlyArray<number | null>
}

interface Drawn {
  readonly title: string
  /** Unix milliseconds. */
  readonly times: ReadonlyArray<number>
  readonly lines: ReadonlyArray<Line>
  readonly write: (value: number) => string
}

const height = 180
const colours = ["--line-1", "--line-2", "--line-3", "--line-4"]

const clock = (at: number) => {
  const written = new Date(at * 1_000).toLocaleTimeString("sv-SE")
  return written.endsWith(":00") ? written.slice(0, 5) : written
}

const dataOf = ({ lines, times }: Drawn): UPlot.AlignedData => [
  times.map((time) => time / 1_000),
  ...lines.map(({ values }) => [...values]),
]

const options = ({ lines, write }: Drawn, width: number): UPlot.Options => {
  const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--edge"), width: 1 }, ticks: { show: false } }
  return {
    width,
    height,
    legend: { live: true },
    // The last time of the axis is as wide as this, by half.
    padding: [null, 28, null, null],
    cursor: { sync: { key: "aviary" }, drag: { x: false, y: false } },
    scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.1] } },
    axes: [
      { ...axis, space: 70, values: (_, found) => found.map(clock) },
      { ...axis, size: 64, values: (_, found) => found.map(write) },
    ],
    series: [
      { value: (_, at) => (at === null ? "–" : clock(at)) },
      ...lines.map(({ name }, index) => ({
        label: name,
        stroke: colour(colours[index % colours.length]!),
        width: 1.5,
        spanGaps: false,
        // By itself it marks those that have no neighbour to draw a line to.
        points: { size: 5 },
        value: (_: UPlot, value: number | null) => (value === null ? "–" : write(value)),
      })),
    ],
  }
}

/** The library is loaded by the first chart. Its styles are a sheet of its own, since the page has none inline. */
const library = (() => {
  let loading: Promise<typeof UPlot> | undefined
  return () =>
    (loading ??= (async () => {
      const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/console/uplot.css" })
      document.head.append(sheet)
      return (await import("uplot")).default
    })().catch((error: unknown) => {
      // The gateway may have gone, and come back.
      loading = undefined
      throw error
    }))
})()

/** Values over time. Its box is as high before it is drawn as after. */
export const Chart = (drawn: Drawn) => {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | undefined>(undefined)
  const latest = useRef(drawn)
  const draw = useRef<() => void>(() => {})
  latest.current = drawn
  useEffect(() => {
    let gone = false
    const make = async () => {
      const Plot = await library()
      if (gone || box.current === null) return
      plot.current?.destroy()
      plot.current = new Plot(options(latest.current, box.current.clientWidth), dataOf(latest.current), box.current)
    }
    const resized = new ResizeObserver(() => {
      if (box.current !== null) plot.current?.setSize({ width: box.current.clientWidth, height })
    })
    const again = () => void make().catch(() => undefined)
    draw.current = again
    resized.observe(box.current!)
    addEventListener("themechange", again)
    return () => {
      gone = true
      resized.disconnect()
      removeEventListener("themechange", again)
      plot.current?.destroy()
    }
  }, [])
  // Behind the one above, so that it draws at first.
  useEffect(() => {
    if (plot.current === undefined) draw.current()
    else plot.current.setData(dataOf(drawn))
  }, [drawn.times, drawn.lines])
  const last = drawn.lines.map(({ name, values }) => {
    const value = values.findLast((one) => one !== null)
    return `${name} ${value === null || value === undefined ? "–" : drawn.write(value)}`
  })
  return html`
    <figure class="chart">
      <figcaption>${drawn.title}</figcaption>
      <div ref=${box} role="img" aria-label=${`${drawn.title}: last ${last.join(", ")}`}></div>
    </figure>
  `
}
