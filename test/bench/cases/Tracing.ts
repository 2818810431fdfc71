import { type Bench, type Case, roomy } from "../Bench.ts"
import { ask, speechBody } from "../Client.ts"
import { type Asked, calm, full, newName } from "../Drive.ts"
import { startGateway } from "../Gateway.ts"
import type { Found } from "../Results.ts"
import { inTurn, type Medians } from "../Turns.ts"
import { charactersFor, newText, textWith } from "../Voice.ts"

const path = "/v1/audio/speech"
const characters = charactersFor(32_768)

/** The same gateway, traced more and less: the most first, which the table holds the others against. */
const shares = [
  { name: "traced, each request", share: "1" },
  { name: "traced, one in ten", share: "0.1" },
  { name: "not traced", share: undefined },
] as const

const startAll = async ({ dataDirs, engine, programs, progress }: Bench) => {
  progress("tracing: gateways start")
  const collector = await programs.node("collector", "collector.ts")
  const start = async ({ name, share }: (typeof shares)[number]) => {
    const traced =
      share === undefined
        ? {}
        : {
            OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
            OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
            OTEL_TRACES_SAMPLER_ARG: share,
            // Traces alone are compared.
            OTEL_METRICS_EXPORTER: "none",
            OTEL_LOGS_EXPORTER: "none",
          }
    return { ...(await startGateway(programs, await dataDirs.make(), engine.url, { ...roomy, ...traced })), name }
  }
  const gateways = [await start(shares[0]), await start(shares[1]), await start(shares[2])]
  return { collector, gateways }
}

/** How much more the traced ones compute for a request than the one that is not. */
const more = (what: string, load: string, [each, tenth, none]: ReadonlyArray<Medians>) => {
  const than = ({ cpuMicros }: Medians) =>
    `${(cpuMicros - none!.cpuMicros).toFixed(0)} µs (${((cpuMicros / none!.cpuMicros - 1) * 100).toFixed(1)} %)`
  return {
    name: `tracing ${what}, ${load}`,
    value: `${none!.cpuMicros.toFixed(0)} µs of CPU untraced; one in ten: ${than(tenth!)} more; each: ${than(each!)} more`,
  }
}

/** What tracing costs a request, side by side: off, a tenth of them, all of them with a collector that takes everything. */
export const tracing: Case = {
  name: "tracing",
  run: async (bench): Promise<Found> => {
    const { pace, programs, progress } = bench
    const { collector, gateways } = await startAll(bench)
    const compared: Array<NonNullable<Found["compared"]>[number]> = []
    const values: Array<NonNullable<Found["values"]>[number]> = []
    const compare = async (what: string, asked: ReadonlyArray<Asked>) => {
      const name = `${what} 32 KiB wav, tracing`
      const quietly = await inTurn(asked, calm, pace, (turn) => progress(`${name}: ${turn}`))
      const loudly = await inTurn(asked, full, pace, (turn) => progress(`${name}, full load: ${turn}`))
      compared.push({ name, calm: quietly, full: loudly })
      values.push(more(`a ${what}`, "calm", quietly), more(`a ${what}`, "full load", loudly))
    }
    const made = JSON.parse(speechBody(textWith(newName, characters), "wav")) as object
    await compare(
      "miss",
      gateways.map((program) => ({ program, path, key: program.key, body: made })),
    )
    const kept = speechBody(newText(characters), "wav")
    for (const { key, url } of gateways) await ask({ url: url + path, key, body: kept })
    await compare(
      "hit",
      gateways.map((program) => ({ program, path, key: program.key, body: JSON.parse(kept) as object })),
    )
    values.push({ name: "exports that the collector took", value: await (await fetch(collector.url)).text() })
    for (const program of [...gateways, collector]) await programs.stop(program)
    return { compared, values }
  },
}
