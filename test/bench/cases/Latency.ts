import { Agent } from "node:http"
import type { Case } from "../Bench.ts"
import { ask, percentile, speechBody } from "../Client.ts"
import { charactersFor, newText } from "../Voice.ts"

const name = "first byte"

/** What is added to the first and the last byte of a miss, one request after the other, over asking the engine itself. */
export const latency: Case = {
  limited: true,
  name,
  run: async ({ engine, gateway, progress, proxy, quick }) => {
    const ways = [
      { name: "direct", url: `${engine.url}/v1/audio/synthesize_online`, key: "" },
      { name: "proxy", url: `${proxy.url}/v1/audio/speech`, key: "" },
      { name: "gateway", url: `${gateway.url}/v1/audio/speech`, key: gateway.key },
    ].map((way) => ({
      ...way,
      agent: new Agent({ keepAlive: true }),
      firsts: [] as Array<number>,
      lasts: [] as Array<number>,
    }))
    const [warmUp, rounds] = quick ? [20, 60] : [100, 400]
    for (let round = 0; round < warmUp + rounds; round++) {
      if (round % 20 === 0) progress(`${name}: ${round}/${warmUp + rounds}`)
      for (const { agent, firsts, key, lasts, url } of ways) {
        const body = speechBody(newText(charactersFor(32_768)), "wav")
        const { firstByteMs, lastByteMs } = await ask({ url, key, agent, body })
        if (round < warmUp) continue
        firsts.push(firstByteMs)
        lasts.push(lastByteMs)
      }
    }
    for (const { agent } of ways) agent.destroy()
    const [direct, proxied, through] = ways.map(({ firsts, lasts }) => ({
      first: percentile(firsts),
      last: percentile(lasts),
    }))
    const added = (way: typeof direct, field: "first" | "last") => (way![field] - direct![field]).toFixed(2)
    return {
      values: (["first", "last"] as const).map((field) => ({
        name: `${field} byte of a miss of 32 KiB, p50`,
        value: `${direct![field].toFixed(2)} ms direct; the bare proxy adds ${added(proxied, field)}, the gateway ${added(through, field)}`,
      })),
      targets: [
        {
          name: "first byte added, more than the bare proxy",
          today: "–",
          unit: "ms",
          atMost: 1,
          aim: 0.4,
          value: through!.first - proxied!.first,
        },
      ],
    }
  },
}
