import { Agent } from "node:http"
import { type Bench, type Case, roomy } from "../Bench.ts"
import { ask, percentile, speechBody } from "../Client.ts"
import { type Asked, calm, newName } from "../Drive.ts"
import { startGateway } from "../Gateway.ts"
import { warmUp } from "../Turns.ts"
import { charactersFor, newText, textWith } from "../Voice.ts"

const name = "first byte"
const characters = charactersFor(32_768)
const directPath = "/v1/audio/synthesize_online"

/** Each is asked for a miss in turn, `rounds` times; milliseconds to the first and the last byte, p50. */
const timed = async (ways: ReadonlyArray<Asked>, rounds: number, onRound: (round: number) => void) => {
  const taken = ways.map((way) => ({
    ...{ way, agent: new Agent({ keepAlive: true }) },
    ...{ firsts: [] as Array<number>, lasts: [] as Array<number> },
  }))
  for (let round = 0; round < rounds; round++) {
    onRound(round)
    for (const { agent, firsts, lasts, way } of taken) {
      const url = way.program.url + way.path
      const body = speechBody(newText(characters), "wav")
      const { firstByteMs, lastByteMs } = await ask({ url, key: way.key ?? "", agent, body })
      firsts.push(firstByteMs)
      lasts.push(lastByteMs)
    }
  }
  for (const { agent } of taken) agent.destroy()
  return taken.map(({ firsts, lasts }) => ({ first: percentile(firsts), last: percentile(lasts) }))
}

type Times = Awaited<ReturnType<typeof timed>>

const told = ([direct, proxied, through]: Times, field: "first" | "last", when: string) => {
  const added = (way: Times[number] | undefined) => (way![field] - direct![field]).toFixed(2)
  return {
    name: `${field} byte of a miss of 32 KiB${when}, p50`,
    value: `${direct![field].toFixed(2)} ms direct; the bare proxy adds ${added(proxied)}, the gateway ${added(through)}`,
  }
}

/**
 * What is added to the first and the last byte of a miss, one request after the other, over asking the engine itself: by programs that have just
 * started, and by the same ones once V8 has compiled them.
 */
export const latency: Case = {
  limited: true,
  name,
  run: async ({ dataDirs, engine, pace, programs, progress, quick }: Bench) => {
    const gateway = await startGateway(programs, await dataDirs.make(), engine.url, roomy)
    const proxy = await programs.node("another node:http proxy", "bareProxy.ts", [engine.url])
    const body = JSON.parse(speechBody(textWith(newName, characters), "wav")) as object
    const ways = [
      { program: engine, path: directPath, body },
      { program: proxy, path: directPath, body },
      { program: gateway, path: "/v1/audio/speech", key: gateway.key, body },
    ]
    const rounds = quick ? 60 : 400
    const measure = (when: string) =>
      timed(ways, rounds, (round) => {
        if (round % 20 === 0) progress(`${name}, ${when}: ${round}/${rounds}`)
      })
    const cold = await measure("just started")
    for (const way of ways) {
      progress(`${name}: ${way.program.name} warms up`)
      await warmUp(way, calm, pace.warmUpSeconds)
    }
    const warm = await measure("warm")
    for (const program of [gateway, proxy]) await programs.stop(program)
    return {
      values: [
        told(warm, "first", ""),
        told(warm, "last", ""),
        told(cold, "first", ", just started"),
        told(cold, "last", ", just started"),
      ],
      targets: [
        {
          name: "first byte added, more than the bare proxy",
          ...{ today: "–", unit: "ms", atMost: 1, aim: 0.4 },
          value: warm[2]!.first - warm[1]!.first,
        },
      ],
    }
  },
}
